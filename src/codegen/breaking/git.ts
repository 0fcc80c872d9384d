/** The files of another revision, in a folder of their own: git writes them, and the user's index and files are not touched. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import { runProgram, ToolError } from '../proto/peer.js';

const timeout = 60_000;

export interface Revision {
  /** Stands for the top folder of the repository. */
  readonly folder: string;
  /** The path of a file or folder of the working tree in that folder. */
  pathOf(path: string): string;
  remove(): Promise<void>;
}

/** Throws a ToolError outside a repository, and for a revision or a path that git does not know. */
export async function checkOut(revision: string, paths: readonly string[]): Promise<Revision> {
  if (revision === '' || revision.startsWith('-')) {
    throw new ToolError(`"git:${revision}" names no revision; write git:v1.2.0, git:main or git:HEAD~1.`);
  }
  const top = await realpath(await line(['rev-parse', '--show-toplevel'], 'this folder is in no git repository'));
  const commit = await commitOf(revision);
  const inside = await Promise.all(
    paths.map(async (path) => {
      const real = await realpath(path).catch(() => resolve(path));
      const below = relative(top, real).split(sep).join('/');
      if (below === '..' || below.startsWith('../')) throw new ToolError(`${path} is not in the repository ${top}.`);
      return below;
    }),
  );
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'hawser-git-')));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const index = { GIT_INDEX_FILE: join(folder, '.index') };
    await git(['read-tree', commit], top, index);
    const listed = await git(['ls-files', '-z', '--', ...inside.map((path) => (path === '' ? '.' : path))], top, index);
    if (listed.length > 0) {
      await git(['checkout-index', '-z', '--stdin', '-f', `--prefix=${folder}/`], top, index, listed);
    }
    await rm(index.GIT_INDEX_FILE, { force: true });
  } catch (error) {
    await remove();
    throw error;
  }
  const byPath = new Map(paths.map((path, at) => [path, join(folder, ...(inside[at] ?? '').split('/'))]));
  return { folder, pathOf: (path) => byPath.get(path) ?? join(folder, path), remove };
}

async function commitOf(revision: string): Promise<string> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`];
  const found = await runProgram('git', args, { cwd: process.cwd(), timeout });
  const text = found.stdout.toString('utf8').trim();
  if (found.status === 0 && text !== '') return text;
  const shallow = await line(['rev-parse', '--is-shallow-repository'], 'the repository cannot be read');
  const hint =
    shallow === 'true'
      ? 'this clone is shallow, so fetch the rest with git fetch --unshallow --tags (in CI, check out with a depth of 0)'
      : 'fetch it first, tags with git fetch --tags';
  throw new ToolError(`git: the repository has no revision "${revision}"; ${hint}.`);
}

async function line(args: readonly string[], otherwise: string): Promise<string> {
  const output = await runProgram('git', args, { cwd: process.cwd(), timeout });
  const text = output.stdout.toString('utf8').trim();
  if (output.status !== 0 || text === '') throw new ToolError(`git: ${otherwise}.`);
  return text;
}

async function git(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  input?: Uint8Array,
): Promise<Buffer> {
  const output = await runProgram('git', args, { cwd, timeout, env, ...(input === undefined ? {} : { input }) });
  if (output.status !== 0) throw new ToolError(`git ${args[0]} failed: ${output.stderr.trim().slice(0, 500)}`);
  return output.stdout;
}

/**
 * Compiles .proto sources with buf: to descriptors, or to diagnostics that name the user's own files. The
 * sources are copied into a workspace of their own under their import names, so no buf.yaml is needed in
 * the user's tree, one that is there does no harm, and nothing is fetched.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { Diagnostic } from '../diagnostic.js';
import type { Group } from './groups.js';
import { type Output, peerFile, runScript, ToolError } from './peer.js';
import type { ProtoSource } from './sources.js';

const timeout = 300_000;
const config = 'version: v2\nmodules:\n  - path: proto\n';

export interface Compiled {
  /** Dependencies first. Empty when there are diagnostics. */
  readonly files: readonly FileDescriptorProto[];
  readonly diagnostics: readonly Diagnostic[];
}

export async function compile(group: Group, sources: ReadonlyMap<string, ProtoSource>): Promise<Compiled> {
  const script = peerFile('@bufbuild/buf', 'bin/buf');
  const workspace = await mkdtemp(join(tmpdir(), 'hawser-buf-'));
  try {
    await writeFile(join(workspace, 'buf.yaml'), config);
    for (const name of group.files) {
      const source = sources.get(name);
      if (source === undefined) continue;
      const path = join(workspace, 'proto', ...name.split('/'));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, source.text);
    }
    const image = join(workspace, 'image.binpb');
    const args = ['build', '.', '--as-file-descriptor-set', '--error-format=json', '--timeout=0', '-o', image];
    const output = await runScript(script, args, { cwd: workspace, timeout });
    const bytes = await readFile(image).catch(() => undefined);
    if (output.status === 0 && bytes !== undefined) {
      return { files: fromBinary(FileDescriptorSetSchema, bytes).file, diagnostics: [] };
    }
    return { files: [], diagnostics: readErrors(output, sources) };
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}

interface BufError {
  readonly path?: string;
  readonly start_line?: number;
  readonly start_column?: number;
  readonly end_line?: number;
  readonly end_column?: number;
  readonly message?: string;
}

function readErrors(output: Output, sources: ReadonlyMap<string, ProtoSource>): Diagnostic[] {
  const text = `${output.stderr}\n${output.stdout.toString('utf8')}`;
  const diagnostics = text.split('\n').flatMap((line) => {
    const error = parseError(line);
    return error === undefined ? [] : [diagnosticOf(error, sources)];
  });
  if (diagnostics.length === 0) {
    const said = text.trim().split('\n', 5).join(' ').slice(0, 500);
    throw new ToolError(
      `buf ended with ${output.status ?? 'a signal'} and ${said === '' ? 'said nothing' : `said: ${said}`}. ` +
        'Install @bufbuild/buf again, with its optional dependencies: one of them is the program itself.',
    );
  }
  return diagnostics;
}

function parseError(line: string): BufError | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(line) as BufError;
    return typeof value.message === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

function diagnosticOf(error: BufError, sources: ReadonlyMap<string, ProtoSource>): Diagnostic {
  const name = (error.path ?? '').replaceAll('\\', '/').replace(/^(?:\.\/)?proto\//, '');
  const source = sources.get(name);
  const line = error.start_line ?? 0;
  const sourceLine = source?.text.split('\n', line)[line - 1]?.replace(/\r$/, '');
  const column = utf16Column(sourceLine, error.start_column ?? 0);
  const end = error.end_line === line ? utf16Column(sourceLine, error.end_column ?? 0) : 0;
  return {
    severity: 'error',
    message: sentence(error.message ?? ''),
    file: source?.display ?? name,
    line,
    column,
    ...(end > column ? { length: end - column } : {}),
    ...(sourceLine === undefined ? {} : { sourceLine }),
  };
}

/** buf counts the bytes of a line, from 1. */
function utf16Column(line: string | undefined, column: number): number {
  return line === undefined || column < 1
    ? column
    : Buffer.from(line)
        .subarray(0, column - 1)
        .toString().length + 1;
}

function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

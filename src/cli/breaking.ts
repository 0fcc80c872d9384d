/** `hawser breaking`: what a change of the IDL breaks, for whom, and which version makes room for it. */
import { statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Change } from '../codegen/breaking/change.js';
import { compareSchemas } from '../codegen/breaking/compare.js';
import { checkOut } from '../codegen/breaking/git.js';
import { existing, type IdlRoots, loadSchema } from '../codegen/breaking/load.js';
import { type ReportFormat, report, reportFormats } from '../codegen/breaking/report.js';
import type { Schema } from '../codegen/breaking/schema.js';
import { readSnapshot, SnapshotError } from '../codegen/breaking/snapshot.js';
import { judge, type Verdict } from '../codegen/breaking/verdict.js';
import { formatDiagnostic } from '../codegen/diagnostic.js';
import { ToolError } from '../codegen/proto/peer.js';
import { UsageError } from './usage.js';

export const summary = 'say what a change of the IDL breaks, and which version it needs';

export const help = `usage: hawser breaking OLD NEW [--include DIR]... [--format FORMAT]
       hawser breaking --against OLD [--proto DIR]... [--thrift DIR]... [--include DIR]... [--format FORMAT]

Compares two versions of an API and judges every change: who notices it (wire: peers that run now; semantic: peers
that understand each other wrongly; json: users of JSON; source: code compiled against the stubs; compatible:
nobody), why, and whether the version that the service declares makes room for it. One set of rules for .proto and
.thrift; docs/breaking.md lists them.

  OLD, NEW         folders with .proto and .thrift files, single files, or snapshots; OLD may be git:REVISION, which
                   is NEW as it was then
  --against OLD    what to compare the folders below with: git:REVISION, a snapshot (hawser generate --snapshot), or
                   a folder that holds them under the same paths
  --proto DIR      .proto files as they are now; repeatable
  --thrift DIR     .thrift files as they are now; repeatable
  --include DIR    where imports and includes are looked for besides; repeatable
  --format FORMAT  ${reportFormats.join(', ')}; text by default
  -h, --help       print this

examples:
  hawser breaking --against git:v1.2.0 --proto proto --thrift idl
  hawser breaking --against released.json --proto proto --format github
  hawser breaking ../v1/proto proto

Ends with 0; with 1 when a declared version is too small for what has changed, or, where none is declared, when
peers would notice (wire, semantic), and when the IDL has errors; with 2 when the command line cannot be meant.`;

interface Request {
  readonly before: string;
  readonly now: IdlRoots | { readonly snapshot: string };
  /** The paths of the new version, in OLD where that is a revision. */
  readonly named: readonly string[];
  readonly include: readonly string[];
  readonly format: ReportFormat;
  /** OLD is one thing, not the parent of the paths of the new version. */
  readonly isWhole: boolean;
}

export async function run(args: readonly string[]): Promise<number> {
  const request = parse(args);
  let verdict: Verdict;
  try {
    const before = await oldSchema(request);
    const after = 'snapshot' in request.now ? await readSnapshot(request.now.snapshot) : await load(request.now);
    verdict = judge(before.schema, after, compareSchemas(before.schema, after).map(before.shown));
  } catch (error) {
    if (!(error instanceof ToolError || error instanceof SnapshotError || error instanceof IdlError)) throw error;
    console.error(error instanceof IdlError ? error.message : `hawser breaking: ${error.message}`);
    return 1;
  }
  console.log(report(verdict, request.format));
  return verdict.isCompatible ? 0 : 1;
}

function parse(args: readonly string[]): Request {
  const many = { type: 'string', multiple: true } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { against: { type: 'string' }, proto: many, thrift: many, include: many, format: { type: 'string' } },
  });
  const { against, proto = [], thrift = [], include = [], format = 'text' } = values;
  if (!(reportFormats as readonly string[]).includes(format)) {
    throw new UsageError(`--format is ${JSON.stringify(format)}; there is ${reportFormats.join(', ')}.`);
  }
  for (const folder of include) existingFolder('--include', folder);
  const rest = { include, format: format as ReportFormat };
  if (against === undefined) {
    if (proto.length + thrift.length > 0) throw new UsageError('--proto and --thrift go with --against OLD.');
    const [before, after, ...surplus] = positionals;
    if (before === undefined || after === undefined) throw new UsageError('Name OLD and NEW, or --against OLD.');
    if (surplus.length > 0) throw new UsageError(`${JSON.stringify(surplus[0])} is one argument too many.`);
    if (isSnapshot(after)) return { ...rest, before, now: { snapshot: after }, named: [after], isWhole: true };
    exists('NEW', after);
    return { ...rest, before, now: { ...bothIdls(after), include }, named: [after], isWhole: true };
  }
  const [first] = positionals;
  if (first !== undefined)
    throw new UsageError(`${JSON.stringify(first)} stands alone; write --proto or --thrift before it.`);
  if (proto.length + thrift.length === 0) {
    throw new UsageError('Nothing to compare; name the folders as they are now with --proto or --thrift.');
  }
  for (const path of proto) exists('--proto', path);
  for (const path of thrift) exists('--thrift', path);
  return { ...rest, before: against, now: { proto, thrift, include }, named: [...proto, ...thrift], isWhole: false };
}

interface Before {
  readonly schema: Schema;
  /** Names the places in it as the user would look for them. */
  readonly shown: (change: Change) => Change;
}

const asIs = (change: Change): Change => change;

async function oldSchema(request: Request): Promise<Before> {
  const { before, now, include, isWhole } = request;
  if (before.startsWith('git:')) {
    if ('snapshot' in now) throw new ToolError('a snapshot has no history in git; name the folder that is compared.');
    return fromGit(before, now);
  }
  if (isSnapshot(before)) return { schema: await readSnapshot(before), shown: asIs };
  if (isWhole) {
    exists('OLD', before);
    return { schema: await load({ ...bothIdls(before), include }), shown: asIs };
  }
  if ('snapshot' in now) throw new ToolError('name what is compared with --proto or --thrift.');
  existingFolder('--against', before);
  const below = (paths: readonly string[]): string[] => existing(paths.map((path) => `${before}/${path}`));
  const roots = {
    proto: below(now.proto),
    thrift: below(now.thrift),
    include: [...below(now.include), ...now.include],
  };
  return { schema: await load(roots), shown: asIs };
}

async function fromGit(before: string, now: IdlRoots): Promise<Before> {
  const inRepository = now.include.filter((path) => !path.split('/').includes('node_modules'));
  const revision = await checkOut(before.slice('git:'.length), [...now.proto, ...now.thrift, ...inRepository]);
  try {
    const old = (paths: readonly string[]): string[] => existing(paths.map((path) => revision.pathOf(path)));
    const outside = now.include.filter((path) => !inRepository.includes(path));
    const schema = await load({
      proto: old(now.proto),
      thrift: old(now.thrift),
      include: [...old(inRepository), ...outside],
    });
    const prefix = `${revision.folder}/`;
    const shown = (change: Change): Change => {
      const at = change.place.file.indexOf(prefix);
      if (at < 0) return change;
      return {
        ...change,
        place: { ...change.place, file: `${before}:${change.place.file.slice(at + prefix.length)}` },
      };
    };
    return { schema, shown };
  } finally {
    await revision.remove();
  }
}

/** The IDL is wrong; the message has the diagnostics. */
class IdlError extends Error {}

async function load(roots: IdlRoots): Promise<Schema> {
  const { schema, diagnostics } = await loadSchema(roots);
  const errors = diagnostics.filter((one) => one.severity === 'error');
  if (errors.length > 0) throw new IdlError(errors.map(formatDiagnostic).join('\n'));
  return schema;
}

/** A folder may hold both; which it holds is seen when it is read. */
function bothIdls(path: string): Pick<IdlRoots, 'proto' | 'thrift'> {
  if (path.endsWith('.proto')) return { proto: [path], thrift: [] };
  if (path.endsWith('.thrift')) return { proto: [], thrift: [path] };
  return { proto: [path], thrift: [path] };
}

function isSnapshot(path: string): boolean {
  return !/\.(?:proto|thrift)$/.test(path) && statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function exists(name: string, path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) throw new UsageError(`${name} ${path} does not exist.`);
}

function existingFolder(name: string, path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(`${name} ${path} is no folder.`);
  }
}

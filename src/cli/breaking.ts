/** `hawser breaking`: what a change of the IDL breaks, for whom, and which version makes room for it. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Change } from '../codegen/breaking/change.js';
import { compareSchemas } from '../codegen/breaking/compare.js';
import {
  type Exceptions,
  ExceptionsError,
  exceptionsFile,
  noExceptions,
  readExceptions,
} from '../codegen/breaking/exceptions.js';
import { checkOut } from '../codegen/breaking/git.js';
import { existing, type IdlRoots, loadSchema } from '../codegen/breaking/load.js';
import { type ReportFormat, report, reportFormats } from '../codegen/breaking/report.js';
import type { Idl, Schema } from '../codegen/breaking/schema.js';
import { readSnapshot, SnapshotError } from '../codegen/breaking/snapshot.js';
import { judge, type Verdict } from '../codegen/breaking/verdict.js';
import { formatDiagnostic } from '../codegen/diagnostic.js';
import { holdsIdl } from '../codegen/holds-idl.js';
import { ToolError } from '../codegen/proto/peer.js';
import { checkIdlPaths } from './idl-paths.js';
import { UsageError } from './usage.js';

export const summary = 'say what a change of the IDL breaks, and which version it needs';

export const help = `usage: hawser breaking OLD NEW [options]
       hawser breaking --against OLD [--proto DIR]... [--thrift DIR]... [options]

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
  --moved WAS=IS   the path IS was WAS in OLD; repeatable
  --new PATH       the path is not in OLD: nothing to compare it with; repeatable
  --exceptions FILE  changes that may be made all the same; ${exceptionsFile} by default, where there is one
  --format FORMAT  ${reportFormats.join(', ')}; text by default
  -h, --help       print this

examples:
  hawser breaking --against git:v1.2.0 --proto proto --thrift idl
  hawser breaking --against released.json --proto proto --format github
  hawser breaking ../v1/proto proto

A path that holds no IDL on one side is an error: a folder that was moved would pass for a new API. Exceptions are JSON:

  { "accept": [{ "rule": "RPC_NO_DELETE", "element": "shop.v1.Orders/Find", "reason": "nobody called it since May" }],
    "ignore": [{ "file": "shop/internal/", "reason": "released together with all its clients" }] }

rule, element (a full name: it and all below it) and file (the end of a path; a folder ends with a slash) must all fit.
What is accepted is shown and demands no version; what is ignored is not shown. Each needs a reason.

Ends with 0; with 1 when a declared version is too small for what has changed, or, where none is declared, when
peers would notice (wire, semantic), when the IDL or the exceptions have errors, and when there is nothing to compare
with; 2: the command line is wrong.`;

interface Request {
  readonly before: string;
  readonly now: IdlRoots | { readonly snapshot: string };
  /** The paths of the new version, in OLD where that is a revision. */
  readonly named: readonly string[];
  readonly include: readonly string[];
  readonly format: ReportFormat;
  readonly exceptions: string | undefined;
  /** What a path of the new version was called in the old one. */
  readonly moved: ReadonlyMap<string, string>;
  /** Paths that the old version does not have. */
  readonly fresh: ReadonlySet<string>;
  /** OLD is one thing, not the parent of the paths of the new version. */
  readonly isWhole: boolean;
}

export async function run(args: readonly string[]): Promise<number> {
  const request = parse(args);
  let verdict: Verdict;
  try {
    const exceptions = exceptionsOf(request);
    const before = await oldSchema(request);
    const after = await newSchema(request);
    const changes = compareSchemas(before.schema, after).map(before.shown);
    verdict = judge(before.schema, after, changes, exceptions);
  } catch (error) {
    if (!expected.some((kind) => error instanceof kind)) throw error;
    if (!(error instanceof Error)) throw error;
    console.error(error instanceof IdlError ? error.message : `hawser breaking: ${error.message}`);
    return 1;
  }
  if (request.format === 'text') for (const one of verdict.warnings) console.error(`hawser breaking: warning: ${one}`);
  console.log(report(verdict, request.format));
  return verdict.isCompatible ? 0 : 1;
}

function parse(args: readonly string[]): Request {
  const many = { type: 'string', multiple: true } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      against: { type: 'string' },
      proto: many,
      thrift: many,
      include: many,
      moved: many,
      new: many,
      exceptions: { type: 'string' },
      format: { type: 'string' },
    },
  });
  const { against, proto = [], thrift = [], include = [], format = 'text' } = values;
  if (!(reportFormats as readonly string[]).includes(format)) {
    throw new UsageError(`--format is ${JSON.stringify(format)}; there is ${reportFormats.join(', ')}.`);
  }
  checkIdlPaths({ proto, thrift, include });
  const { exceptions } = values;
  if (exceptions !== undefined) exists('--exceptions', exceptions);
  const named = against === undefined ? positionals : [...proto, ...thrift];
  const spelt = spelling([...named, ...include]);
  const moved = new Map((values.moved ?? []).map(movedPath).map(([is, was]) => [spelt(is), was]));
  const fresh = new Set((values.new ?? []).map(spelt));
  const rest = { include, format: format as ReportFormat, exceptions, moved, fresh };
  checkNamed([...moved.keys()], '--moved', against === undefined ? named : [...named, ...include]);
  checkNamed([...fresh], '--new', named);
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
  return { ...rest, before: against, now: { proto, thrift, include }, named: [...proto, ...thrift], isWhole: false };
}

function movedPath(text: string): readonly [string, string] {
  const [was = '', is = '', ...surplus] = text.split('=');
  if (was === '' || is === '' || surplus.length > 0) {
    throw new UsageError(
      `--moved is ${JSON.stringify(text)}; write it WAS=IS, --moved api=proto for a folder api that is proto now.`,
    );
  }
  return [is, was];
}

/** From a path to the one among `named` that means the same: `proto/` and `./proto` are `proto`. */
function spelling(named: readonly string[]): (path: string) => string {
  const known = new Map(named.map((path) => [resolve(path), path]));
  return (path) => known.get(resolve(path)) ?? path;
}

function checkNamed(paths: readonly string[], option: string, named: readonly string[]): void {
  for (const path of paths) {
    if (!named.includes(path)) {
      throw new UsageError(`${option} names ${path}, which is not compared; there is ${named.join(', ')}.`);
    }
  }
}

function exceptionsOf({ exceptions }: Request): Exceptions {
  if (exceptions !== undefined) return readExceptions(exceptions);
  return existing([exceptionsFile]).length === 0 ? noExceptions : readExceptions(exceptionsFile);
}

async function newSchema({ now }: Request): Promise<Schema> {
  if ('snapshot' in now) {
    const schema = await readSnapshot(now.snapshot);
    if (schema.files.length === 0) throw new EmptyError(`the snapshot ${now.snapshot} holds no IDL.`);
    return schema;
  }
  for (const [path, idls] of byPath(now)) {
    if (!holdsIdl(path, idls)) throw new EmptyError(`${path} holds ${noFile(idls)}: there is nothing to compare.`);
  }
  return load(now);
}

/** Which IDLs each path is named for. */
function byPath({ proto, thrift }: IdlRoots): Map<string, Idl[]> {
  const found = new Map<string, Idl[]>(proto.map((path) => [path, ['proto']]));
  for (const path of thrift) found.set(path, [...(found.get(path) ?? []), 'thrift']);
  return found;
}

function noFile(idls: readonly Idl[]): string {
  return `no ${idls.map((idl) => `.${idl}`).join(' or ')} file`;
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
    return fromGit(request, now);
  }
  if (isSnapshot(before)) return { schema: await oldSnapshot(request), shown: asIs };
  if (isWhole) {
    exists('OLD', before);
    const roots = bothIdls(before);
    const idls: Idl[] = (['proto', 'thrift'] as const).filter((idl) => roots[idl].length > 0);
    if (!holdsIdl(before, idls))
      throw new EmptyError(`${before} holds ${noFile(idls)}: there is nothing to compare with.`);
    return { schema: await load({ ...roots, include }), shown: asIs };
  }
  if ('snapshot' in now) throw new ToolError('name what is compared with --proto or --thrift.');
  existingFolder('--against', before);
  const roots = rootsAt((path) => `${before}/${path}`, now, request);
  return { schema: await load({ ...roots, include: [...roots.include, ...now.include] }), shown: asIs };
}

async function oldSnapshot({ before, now, fresh }: Request): Promise<Schema> {
  const schema = await readSnapshot(before);
  if (schema.files.length === 0) throw new EmptyError(`the snapshot ${before} holds no IDL.`);
  if ('snapshot' in now) return schema;
  for (const [path, idls] of byPath(now)) {
    if (fresh.has(path) || schema.files.some(({ idl }) => idls.includes(idl))) continue;
    throw new EmptyError(
      `the snapshot ${before} holds ${noFile(idls)}, so there is nothing to compare ${path} with; if it is new, say --new ${path}.`,
    );
  }
  return schema;
}

/** The same paths in the old version, less those that are new. Throws where one of them holds no IDL there. */
function rootsAt(pathOf: (path: string) => string, now: IdlRoots, { before, moved, fresh }: Request): IdlRoots {
  const was = (path: string): string => moved.get(path) ?? path;
  for (const [path, idls] of byPath(now)) {
    if (fresh.has(path) || holdsIdl(pathOf(was(path)), idls)) continue;
    throw new EmptyError(
      `${before} holds ${noFile(idls)} at ${was(path)}, so there is nothing to compare ${path} with; ` +
        `if it was moved, say --moved WAS=${path}, and if it is new, --new ${path}.`,
    );
  }
  const old = (paths: readonly string[]): string[] =>
    existing(paths.filter((path) => !fresh.has(path)).map((path) => pathOf(was(path))));
  return { proto: old(now.proto), thrift: old(now.thrift), include: old(now.include) };
}

async function fromGit(request: Request, now: IdlRoots): Promise<Before> {
  const { before, moved } = request;
  const inRepository = now.include.filter((path) => !path.split('/').includes('node_modules'));
  const was = [...now.proto, ...now.thrift, ...inRepository].map((path) => moved.get(path) ?? path);
  const revision = await checkOut(before.slice('git:'.length), was);
  try {
    const roots = rootsAt((path) => revision.pathOf(path), { ...now, include: inRepository }, request);
    const outside = now.include.filter((path) => !inRepository.includes(path));
    const schema = await load({ ...roots, include: [...roots.include, ...outside] });
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

/** One side holds nothing to compare. */
class EmptyError extends Error {}

const expected = [ToolError, SnapshotError, ExceptionsError, IdlError, EmptyError];

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

/** A pipe or a device may give nothing, or never end. */
function exists(name: string, path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new UsageError(`${name} ${path} does not exist.`);
  if (!found.isDirectory() && !found.isFile()) {
    throw new UsageError(`${name} ${path} is neither a folder nor a regular file.`);
  }
}

function existingFolder(name: string, path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(`${name} ${path} is no folder.`);
  }
}

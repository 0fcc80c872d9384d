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
import { breakLongLines, PlaceMap } from './long-lines.js';
import { bufProgram, type Output, runProgram, ToolError } from './peer.js';
import type { ProtoSource } from './sources.js';

const timeout = 300_000;
/** Of one file: who has more mends these first. */
const maxErrors = 100;
const config = 'version: v2\nmodules:\n  - path: proto\n';

export interface Compiled {
  /** Dependencies first. Empty when there are diagnostics. */
  readonly files: readonly FileDescriptorProto[];
  readonly diagnostics: readonly Diagnostic[];
}

export async function compile(group: Group, sources: ReadonlyMap<string, ProtoSource>): Promise<Compiled> {
  const program = bufProgram();
  const workspace = await mkdtemp(join(tmpdir(), 'hawser-buf-'));
  try {
    await writeFile(join(workspace, 'buf.yaml'), config);
    for (const name of group.files) {
      const source = sources.get(name);
      if (source === undefined) continue;
      const path = join(workspace, 'proto', ...name.split('/'));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, breakLongLines(source.text));
    }
    const image = join(workspace, 'image.binpb');
    const args = ['build', '.', '--as-file-descriptor-set', '--error-format=json', '--timeout=0', '-o', image];
    const output = await runProgram(program, args, { cwd: workspace, timeout });
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
  const errors = new Map<string, BufError[]>();
  for (const line of text.split('\n')) {
    const error = parseError(line);
    if (error === undefined) continue;
    const name = (error.path ?? '').replaceAll('\\', '/').replace(/^(?:\.\/)?proto\//, '');
    errors.set(name, [...(errors.get(name) ?? []).slice(0, maxErrors), error].slice(0, maxErrors + 1));
  }
  if (errors.size === 0) {
    const said = text.trim().split('\n', 5).join(' ').slice(0, 500);
    throw new ToolError(
      `buf ended with ${output.status ?? 'a signal'} and ${said === '' ? 'said nothing' : `said: ${said}`}. ` +
        'Install @bufbuild/buf again, with its optional dependencies: one of them is the program itself.',
    );
  }
  return [...errors].flatMap(([name, found]) => diagnosticsOf(name, found, sources.get(name)));
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

function diagnosticsOf(name: string, errors: readonly BufError[], source: ProtoSource | undefined): Diagnostic[] {
  const file = source?.display ?? name;
  const places = source === undefined ? undefined : new PlaceMap(source.text, breakLongLines(source.text));
  const diagnostics = errors.slice(0, maxErrors).map((error): Diagnostic => {
    const message = sentence(error.message ?? '');
    const {
      start_line: line = 0,
      start_column: column = 0,
      end_line: endLine = line,
      end_column: endColumn = column,
    } = error;
    if (places === undefined || line < 1) return { severity: 'error', message, file, line, column };
    const place = places.placeOf(line, column);
    const end = places.placeOf(endLine, endColumn);
    const length = end.line === place.line && end.column > place.column ? { length: end.column - place.column } : {};
    return { severity: 'error', message, file, ...place, ...length, sourceLine: places.lineText(place.line) };
  });
  if (errors.length > maxErrors) {
    const message = `There are more than ${maxErrors} errors in this file; these are the first.`;
    diagnostics.push({ severity: 'error', message, file, line: 0, column: 0 });
  }
  return diagnostics;
}

function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

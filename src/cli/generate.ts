/** `hawser generate`: from `.proto` and `.thrift` to typed stubs. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { loadSchema } from '../codegen/breaking/load.js';
import { printSnapshot } from '../codegen/breaking/snapshot.js';
import { formatDiagnostic } from '../codegen/diagnostic.js';
import { type GenerateOptions, type GenerateResult, generate } from '../codegen/generate.js';
import { ToolError } from '../codegen/proto/peer.js';
import { makeFolder, writeText } from '../codegen/write.js';
import { emitOptions } from './emit-options.js';
import { checkIdlPaths } from './idl-paths.js';
import { UsageError } from './usage.js';

export const summary = 'make TypeScript stubs from .proto and .thrift files';

export const help = `usage: hawser generate [--proto DIR]... [--thrift DIR]... [--include DIR]... --out DIR

Makes typed stubs for every .proto and .thrift file below the folders named: messages, services with the
policy that the IDL gives them, and a class for each declared error. Where the input is a/b.proto below its
folder, the output is a/b.ts (messages) and a/b.rpc.ts (services) below --out; for a/b.thrift it is a/b.ts.

  --proto DIR     a folder of .proto files, or one such file; imports are relative to it; repeatable
  --thrift DIR    a folder of .thrift files, or one such file; repeatable
  --include DIR   where imports and includes are looked for besides; nothing is generated from it but what
                  the others need; repeatable
  --out DIR       the folder to write; made when it is not there
  --snapshot FILE write the API's schema there too, for hawser breaking to compare later versions with
  --import-extension ts|js|none
                  how generated files import each other: js (the default) for tsc and bundlers, ts where the sources
                  run as they are (Node 24, Deno, Bun)
  --messages-only no services, error classes and descriptors: messages and enums alone (.proto)
  --int64 bigint|string
                  how 64-bit numbers appear: bigint (the default), or string (.proto)
  --enums const|number
                  the type of an enum's fields: the values that the IDL names (const, the default), or number (.proto)
  --quiet         print warnings and errors only
  -h, --help      print this

The output folder belongs to one command: files that an earlier run generated there and this one does not are
removed. Files written by hand are never touched; one that is in the way is an error. ${'`.hawser-generated`'}
in the folder lists what was generated; keep it with the rest.

.proto files need the packages @bufbuild/buf and ts-proto: npm install --save-dev @bufbuild/buf ts-proto

examples:
  hawser generate --proto proto --out gen
  hawser generate --proto proto --thrift idl --out src/gen
  hawser generate --proto api --include third_party/googleapis --out gen

Ends with 0; with 1 when a file has errors, and then nothing was written; with 2 when the command line
cannot be meant.`;

/** More inputs than this are worth showing where the run is. */
const manyInputs = 20;

export async function run(args: readonly string[]): Promise<number> {
  const { quiet, snapshot, ...options } = parse(args);
  const started = performance.now();
  const progress = new Progress(!quiet && process.stderr.isTTY === true);
  let result: GenerateResult;
  try {
    result = await generate({ ...options, onProgress: (path, count) => progress.show(path, count) });
    if (snapshot !== undefined && errorsOf(result) === 0) await writeSnapshot(snapshot, options);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    console.error(`hawser generate: ${error.message}`);
    return 1;
  } finally {
    progress.clear();
  }
  for (const diagnostic of result.diagnostics) console.error(formatDiagnostic(diagnostic));
  const errors = errorsOf(result);
  if (errors > 0) {
    console.error(`${count(errors, 'error')}; nothing was written.`);
    return 1;
  }
  if (!quiet) console.log(summaryLine(result, Math.round(performance.now() - started)));
  return 0;
}

function parse(args: readonly string[]): GenerateOptions & { quiet: boolean; snapshot: string | undefined } {
  const many = { type: 'string', multiple: true } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      proto: many,
      thrift: many,
      include: many,
      out: many,
      snapshot: { type: 'string' },
      'import-extension': { type: 'string' },
      'messages-only': { type: 'boolean' },
      int64: { type: 'string' },
      enums: { type: 'string' },
      quiet: { type: 'boolean', default: false },
    },
  });
  const { proto = [], thrift = [], include = [], out = [], snapshot, quiet } = values;
  if (positionals.length > 0) {
    throw new UsageError(
      `${JSON.stringify(positionals[0])} stands alone; write --proto, --thrift, --include or --out before it.`,
    );
  }
  if (proto.length + thrift.length === 0)
    throw new UsageError('Nothing to generate from; name a folder with --proto or --thrift.');
  if (out.includes('')) throw new UsageError('--out is empty; name a folder.');
  const [folder, ...others] = out;
  if (folder === undefined) throw new UsageError('The folder to write is missing; name it with --out.');
  if (others.length > 0) throw new UsageError(`--out is given ${out.length} times; one command writes one folder.`);
  checkIdlPaths({ proto, thrift, include });
  if (snapshot === '') throw new UsageError('--snapshot is empty; name a file.');
  if (snapshot !== undefined && statSync(snapshot, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new UsageError(`--snapshot ${snapshot} is a folder; name a file.`);
  }
  return { proto, thrift, include, out: folder, quiet, snapshot, emit: emitOptions(values) };
}

function errorsOf({ diagnostics }: GenerateResult): number {
  return diagnostics.filter((one) => one.severity === 'error').length;
}

async function writeSnapshot(path: string, options: GenerateOptions): Promise<void> {
  const { schema } = await loadSchema(options);
  await makeFolder(dirname(path));
  await writeText(path, printSnapshot(schema));
}

function summaryLine(result: GenerateResult, milliseconds: number): string {
  const { written, unchanged, removed } = result;
  const files = written + unchanged;
  const changes = [written === files ? '' : `${unchanged} unchanged`, removed === 0 ? '' : `${removed} removed`].filter(
    (part) => part !== '',
  );
  return (
    `${count(files, 'file')}${changes.length === 0 ? '' : ` (${changes.join(', ')})`} from ${count(result.inputs, 'input')}, ` +
    `${count(result.services, 'service')}, ${count(result.methods, 'method')}, ${milliseconds} ms`
  );
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** One line on a terminal that is written over. */
class Progress {
  private shown = false;

  constructor(private readonly enabled: boolean) {}

  show(path: string, count: number): void {
    if (!this.enabled || count < manyInputs) return;
    const width = Math.max(20, (process.stderr.columns ?? 80) - 1);
    process.stderr.write(`\r\x1b[K${`${count} ${path}`.slice(0, width)}`);
    this.shown = true;
  }

  clear(): void {
    if (this.shown) process.stderr.write('\r\x1b[K');
    this.shown = false;
  }
}

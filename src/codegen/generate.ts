/**
 * `.proto` and `.thrift` in, a folder of stubs out: both compilers, then all their diagnostics together, and
 * only when there is no error among them anything is written.
 */
import type { Idl } from './breaking/schema.js';
import { byPlace, type Diagnostic } from './diagnostic.js';
import { holdsIdl } from './holds-idl.js';
import { checkOutput, type Written, writeOutput } from './output.js';
import type { EmitOptions } from './proto/emit/options.js';
import { compileProto } from './proto/index.js';
import { compileThrift } from './thrift/index.js';

export interface GenerateOptions {
  /** Folders or files. Every `.proto` below them is generated. */
  readonly proto: readonly string[];
  /** Folders or files. Every `.thrift` below them is generated. */
  readonly thrift: readonly string[];
  /** Folders that imports and includes are looked for in, after the roots. */
  readonly include: readonly string[];
  /** Made when it is not there. */
  readonly out: string;
  /** What may be chosen of the generated code; `importSuffix` holds for both IDLs, the rest for .proto. */
  readonly emit?: Partial<EmitOptions> | undefined;
  /** Called with each input, and how many there were so far, as its code is ready. */
  readonly onProgress?: (path: string, count: number) => void;
}

export interface GenerateResult extends Written {
  /** In the order of files and places. With an error among them nothing was written. */
  readonly diagnostics: readonly Diagnostic[];
  readonly inputs: number;
  readonly services: number;
  readonly methods: number;
}

/** Throws a ToolError when buf or ts-proto is missing, and where the output cannot be written. */
export async function generate(options: GenerateOptions): Promise<GenerateResult> {
  const { proto, thrift, include, out, onProgress } = options;
  let count = 0;
  const onFile = (path: string): void => {
    count += 1;
    onProgress?.(path, count);
  };
  const parts: Compiled[] = [];
  if (proto.length > 0) parts.push(await compileProto({ roots: proto, includes: include, emit: options.emit, onFile }));
  if (thrift.length > 0)
    parts.push(compileThrift({ roots: thrift, includes: include, importSuffix: options.emit?.importSuffix, onFile }));
  const diagnostics = parts.flatMap((part) => part.diagnostics);
  if (!failed(diagnostics)) diagnostics.push(...empty('proto', proto), ...empty('thrift', thrift));
  const files = new Map<string, string>();
  for (const part of parts) {
    for (const [path, text] of part.files) {
      if (files.has(path)) {
        const message =
          'A .proto and a .thrift file both make this file; rename one of them, or give each kind an --out of its own.';
        diagnostics.push({ severity: 'error', message, file: path, line: 0, column: 0 });
      }
      files.set(path, text);
    }
  }
  const sum = (pick: (part: Compiled) => number): number => parts.reduce((total, part) => total + pick(part), 0);
  const counts = {
    inputs: sum((part) => part.inputs),
    services: sum((part) => part.services),
    methods: sum((part) => part.methods),
  };
  if (!failed(diagnostics)) diagnostics.push(...(await checkOutput(out, files)));
  diagnostics.sort(byPlace);
  if (failed(diagnostics)) return { diagnostics, ...counts, written: 0, unchanged: 0, removed: 0 };
  const ordered = new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { diagnostics, ...counts, ...(await writeOutput(out, ordered)) };
}

/** A folder that holds nothing is the wrong one, and what was generated from the right one would be removed as stale. */
function empty(idl: Idl, roots: readonly string[]): Diagnostic[] {
  return roots
    .filter((root) => !holdsIdl(root, [idl]))
    .map((file) => ({ severity: 'error', message: `It holds no .${idl} file.`, file, line: 0, column: 0 }));
}

interface Compiled {
  readonly files: ReadonlyMap<string, string>;
  readonly diagnostics: readonly Diagnostic[];
  readonly inputs: number;
  readonly services: number;
  readonly methods: number;
}

function failed(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((one) => one.severity === 'error');
}

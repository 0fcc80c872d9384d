/** A folder of .proto files for one test, what the compiler makes of it, and whether TypeScript accepts that. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { afterAll } from 'vitest';
import { type Diagnostic, formatDiagnostic } from '../../../src/codegen/diagnostic.js';
import { compileProto, type ProtoResult } from '../../../src/codegen/proto/index.js';
import { repository, scratchFolder } from '../../support/scratch.js';

const made: { remove(): void }[] = [];

afterAll(() => {
  for (const folder of made.splice(0)) folder.remove();
});

export type Tree = Readonly<Record<string, string>>;

export function scratch(files: Tree = {}): string {
  const folder = scratchFolder('proto');
  made.push(folder);
  writeTree(folder.path, files);
  return folder.path;
}

export function writeTree(folder: string, files: Tree | ReadonlyMap<string, string>): void {
  for (const [path, text] of files instanceof Map ? files : Object.entries(files)) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
}

export async function compile(files: Tree, roots = ['.'], includes: readonly string[] = []): Promise<ProtoResult> {
  const folder = scratch(files);
  return compileProto({
    roots: roots.map((path) => join(folder, path)),
    includes: includes.map((path) => join(folder, path)),
  });
}

/** The generated modules; throws with the diagnostics when there are errors. */
export async function modules(
  files: Tree,
  roots?: string[],
  includes?: string[],
): Promise<ReadonlyMap<string, string>> {
  const result = await compile(files, roots, includes);
  const errors = result.diagnostics.filter((one) => one.severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(formatDiagnostic).join('\n'));
  return result.files;
}

/** `line:column: message`, without the folder. */
export function errorsOf(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics
    .filter((one) => one.severity === 'error')
    .map(({ file, line, column, message }) => `${file.split('/').at(-1)}:${line}:${column}: ${message}`);
}

/** What TypeScript has to say of generated modules, under the flags that we promise. */
export function typeErrors(files: ReadonlyMap<string, string>, extra: Tree = {}): string[] {
  const folder = scratch({ 'package.json': '{ "type": "module" }', ...extra });
  writeTree(folder, files);
  return typeErrorsIn(folder, [...files.keys(), ...Object.keys(extra)]);
}

export function typeErrorsIn(folder: string, paths: readonly string[]): string[] {
  const program = ts.createProgram(
    paths.map((path) => join(folder, path)),
    {
      target: ts.ScriptTarget.ES2023,
      lib: ['lib.es2023.d.ts'],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      verbatimModuleSyntax: true,
      isolatedModules: true,
      isolatedDeclarations: true,
      declaration: true,
      erasableSyntaxOnly: true,
      skipLibCheck: true,
      noEmit: true,
      customConditions: ['hawser-source'],
      paths: { 'hawser/proto': [join(repository, 'src/proto.ts')] },
      typeRoots: [join(repository, 'node_modules/@types')],
      types: ['node'],
    },
  );
  return (
    ts
      .getPreEmitDiagnostics(program)
      .filter(({ file }) => file === undefined || file.fileName.startsWith(folder))
      // The type of a service is inferred: 9010 is what isolatedDeclarations says of that.
      .filter(({ file, code }) => !(code === 9010 && file?.fileName.endsWith('.rpc.ts')))
      .map(({ file, start = 0, messageText }) => {
        const place =
          file === undefined
            ? ''
            : `${file.fileName.slice(folder.length + 1)}:${file.getLineAndCharacterOfPosition(start).line + 1}: `;
        return place + ts.flattenDiagnosticMessageText(messageText, '\n');
      })
  );
}

/** Writes generated modules where `hawser/proto` resolves, and imports one. */
export async function importGenerated(
  files: ReadonlyMap<string, string>,
  path: string,
): Promise<Record<string, never>> {
  const folder = scratch();
  writeTree(folder, files);
  return (await import(/* @vite-ignore */ join(folder, path))) as Record<string, never>;
}

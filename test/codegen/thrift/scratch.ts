/** A folder of IDL for one test, what the compiler makes of it, and whether TypeScript accepts that. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { afterAll } from 'vitest';
import { type Diagnostic, formatDiagnostic } from '../../../src/codegen/diagnostic.js';
import { type CompiledThrift, compileThrift } from '../../../src/codegen/thrift/index.js';

const made: string[] = [];

afterAll(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export type Tree = Readonly<Record<string, string | Uint8Array>>;

/** A new folder with these files. */
export function scratch(files: Tree = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-thrift-'));
  made.push(folder);
  writeTree(folder, files);
  return folder;
}

export function writeTree(folder: string, files: Tree | ReadonlyMap<string, string>): void {
  for (const [path, text] of files instanceof Map ? files : Object.entries(files)) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
}

export function compile(files: Tree, includes: readonly string[] = []): CompiledThrift & { readonly folder: string } {
  const folder = scratch(files);
  return { ...compileThrift({ roots: [folder], includes: includes.map((path) => join(folder, path)) }), folder };
}

/** Compiles one file and gives its module; throws when there are errors. */
export function moduleOf(idl: string): string {
  const { files, diagnostics } = compile({ 'test.thrift': idl });
  const text = files.get('test.ts');
  if (text === undefined) throw new Error(diagnostics.map(formatDiagnostic).join('\n'));
  return text;
}

export function errorsOf(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.filter(({ severity }) => severity === 'error').map(({ message }) => message);
}

export function warningsOf(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.filter(({ severity }) => severity === 'warning').map(({ message }) => message);
}

/** What TypeScript has to say of generated modules, under the strictest settings that we promise. */
export function typeErrors(files: ReadonlyMap<string, string>, extra: Tree = {}): string[] {
  const folder = scratch({ 'package.json': '{ "type": "module" }', ...extra });
  writeTree(folder, files);
  const repository = resolve(import.meta.dirname, '../../..');
  const roots = [...files.keys(), ...Object.keys(extra)].map((path) => join(folder, path));
  const program = ts.createProgram(roots, {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noImplicitOverride: true,
    noFallthroughCasesInSwitch: true,
    noPropertyAccessFromIndexSignature: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    skipLibCheck: true,
    noEmit: true,
    customConditions: ['hawser-source'],
    paths: { 'hawser/thrift': [join(repository, 'src/thrift.ts')] },
    typeRoots: [join(repository, 'node_modules/@types')],
    types: ['node'],
  });
  return ts
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => file === undefined || file.fileName.startsWith(folder))
    .map(({ file, start, messageText }) => {
      const at = file === undefined || start === undefined ? undefined : file.getLineAndCharacterOfPosition(start);
      const place =
        file === undefined || at === undefined ? '' : `${file.fileName.slice(folder.length + 1)}:${at.line + 1}: `;
      return place + ts.flattenDiagnosticMessageText(messageText, '\n');
    });
}

/** Writes generated modules as JavaScript where this repository's `hawser/thrift` can be imported, and imports one. */
export async function importGenerated(
  files: ReadonlyMap<string, string>,
  path: string,
): Promise<Record<string, never>> {
  const folder = scratch({ 'package.json': '{ "type": "module" }' });
  const runtime = resolve(import.meta.dirname, '../../../src/thrift.ts');
  for (const [name, text] of files) {
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
    });
    writeTree(folder, {
      [name.replace(/\.ts$/, '.js')]: outputText.replaceAll('"hawser/thrift"', JSON.stringify(runtime)),
    });
  }
  return (await import(/* @vite-ignore */ join(folder, path.replace(/\.ts$/, '.js')))) as Record<string, never>;
}

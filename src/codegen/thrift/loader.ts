/**
 * Reads a file and all it includes, each once. An include is looked for in the folder of the file
 * that names it and then in the include folders, in their order, as Apache's compiler does.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import type { Diagnostic } from '../diagnostic.js';
import type { ThriftLimits } from './limits.js';
import { parseFile } from './parser.js';
import type { Program } from './program.js';
import { type ResolvedFile, type ResolvedInclude, resolveFile } from './resolver.js';
import { decodeText, Source } from './source.js';
import type { IncludeNode } from './syntax.js';

export class Loader {
  /** By real path, dependencies first. */
  readonly programs = new Map<string, Program>();
  private readonly files = new Map<string, ResolvedFile | 'loading'>();
  private readonly chain: string[] = [];
  private readonly found: Diagnostic[] = [];
  private readonly sources: Source[] = [];
  private exhausted = false;

  constructor(
    private readonly includeDirs: readonly string[],
    private readonly limits: ThriftLimits,
    private readonly onFile: (path: string) => void = () => {},
  ) {}

  /** What was found in all files so far. */
  get diagnostics(): Diagnostic[] {
    return [...this.found, ...this.sources.flatMap((source) => source.diagnostics)];
  }

  get hasErrors(): boolean {
    return this.found.some(({ severity }) => severity === 'error') || this.sources.some(({ errors }) => errors > 0);
  }

  /** The model of the file, with errors in `diagnostics`; undefined when it cannot be read. */
  load(path: string): Program | undefined {
    const real = realPath(path);
    if (real === undefined) {
      this.fail(displayName(path), `this file cannot be found`);
      return undefined;
    }
    const file = this.read(real);
    return file === undefined || file === 'loading' ? undefined : file.program;
  }

  /** An error that has no place within a file. */
  fail(file: string, message: string): void {
    this.found.push({ severity: 'error', message, file, line: 0, column: 0 });
  }

  private read(real: string): ResolvedFile | 'loading' | undefined {
    const known = this.files.get(real);
    if (known !== undefined) return known;
    const name = displayName(real);
    if (this.files.size >= this.limits.files) {
      if (!this.exhausted)
        this.fail(name, `this is more than ${this.limits.files} files in one run; generate in several`);
      this.exhausted = true;
      return undefined;
    }
    const text = this.text(real, name);
    if (text === undefined) return undefined;
    this.onFile(name);
    this.files.set(real, 'loading');
    this.chain.push(real);
    const source = new Source(real, name, text, this.limits.diagnostics);
    this.sources.push(source);
    const tree = parseFile(source, this.limits);
    const includes: ResolvedInclude[] = [];
    const lostIncludes: string[] = [];
    for (const node of tree.includes) {
      const file = this.include(source, node);
      if (file === 'absent') continue;
      if (file === undefined) lostIncludes.push(programName(node.path));
      else includes.push({ node, file });
    }
    // With a circle or an unreadable file reported, what is missing because of it is not.
    const resolved = resolveFile(source, programName(real), { ...tree, lostIncludes }, includes, this.limits);
    this.chain.pop();
    this.files.set(real, resolved);
    this.programs.set(real, resolved.program);
    return resolved;
  }

  private text(real: string, name: string): string | undefined {
    try {
      const found = statSync(real);
      // A pipe or a device may give nothing, or never end.
      if (!found.isFile()) {
        this.fail(name, 'this is no regular file');
        return undefined;
      }
      const { size } = found;
      if (size > this.limits.fileBytes) {
        this.fail(name, `this file has ${size} bytes; the limit is ${this.limits.fileBytes}; split it into several`);
        return undefined;
      }
      return decodeText(readFileSync(real));
    } catch (error) {
      this.fail(name, `this file cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  /** The included file; undefined after an error. A file that is not there is only a warning, as to Apache. */
  private include(source: Source, node: IncludeNode): ResolvedFile | 'absent' | undefined {
    const real = this.find(source, node.path);
    if (real === undefined) {
      const places = [...new Set([dirname(source.path), ...this.includeDirs].map(displayName))];
      source.warning(node, `"${node.path}" is not in ${places.join(' nor in ')}; name its folder with --include`);
      return 'absent';
    }
    if (this.chain.length >= this.limits.includeDepth && !this.files.has(real)) {
      source.error(node, `includes may follow each other ${this.limits.includeDepth} times; this is one more`);
      return undefined;
    }
    const file = this.read(real);
    if (file === 'loading') {
      const circle = [...this.chain.slice(this.chain.indexOf(real)), real].map(displayName);
      source.error(node, `files include each other in a circle: ${circle.join(' -> ')}`);
      return undefined;
    }
    if (file === undefined) source.error(node, `"${node.path}" cannot be read`);
    return file;
  }

  private find(source: Source, path: string): string | undefined {
    if (path.includes('\0')) return undefined;
    if (isAbsolute(path)) return realPath(path);
    for (const folder of [dirname(source.path), ...this.includeDirs]) {
      const real = realPath(join(folder, path));
      if (real !== undefined) return real;
    }
    return undefined;
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** `shared` for `idl/shared.thrift`. */
function programName(path: string): string {
  const name = basename(path);
  const dot = name.lastIndexOf('.');
  return dot < 0 ? name : name.slice(0, dot);
}

/** Relative to the working folder when it is below it. */
export function displayName(path: string): string {
  const short = relative(process.cwd(), path);
  if (short === '') return '.';
  return short === '..' || short.startsWith(`..${sep}`) || isAbsolute(short) ? path : short;
}

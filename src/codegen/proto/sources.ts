/**
 * Which files are compiled, and under which import names. A root is a folder (its files are named relative
 * to it) or a single file (named relative to its folder). A file inside two roots belongs to the deeper
 * one, so `--proto . --include third_party` names what is vendored as its importers do.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Diagnostic } from '../diagnostic.js';
import { type ProtoScan, scanProto } from './scan.js';

export const maxFileBytes = 16 * 1024 * 1024;
const maxFiles = 20_000;
/** protoc stops at 32 levels of messages; options may nest deeper than that. */
const maxDepth = 100;

export interface ProtoSource {
  /** As another file imports it: `google/rpc/status.proto`. */
  readonly name: string;
  /** As the user named it, for diagnostics. */
  readonly display: string;
  readonly text: string;
  readonly scan: ProtoScan;
}

export interface ProtoSources {
  /** Every file that is compiled, by import name: the inputs and what they import. */
  readonly files: ReadonlyMap<string, ProtoSource>;
  /** The import names of the files below the --proto roots, sorted. */
  readonly inputs: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

interface Root {
  /** As given. */
  readonly given: string;
  /** Absolute. */
  readonly folder: string;
  /** Absolute, when the root is one file. */
  readonly file?: string;
  readonly generate: boolean;
}

export function readSources(roots: readonly string[], includes: readonly string[]): ProtoSources {
  return new SourceReader(roots, includes).read();
}

class SourceReader {
  private readonly files = new Map<string, ProtoSource>();
  private readonly paths = new Map<string, string>();
  private readonly diagnostics: Diagnostic[] = [];
  private readonly roots: readonly Root[];
  private readonly packaged: Root = { given: 'hawser', folder: packagedProtos(), generate: false };

  constructor(roots: readonly string[], includes: readonly string[]) {
    this.roots = [...roots.map((given) => rootOf(given, true)), ...includes.map((given) => rootOf(given, false))];
  }

  read(): ProtoSources {
    const inputs = new Map<string, { path: string; root: Root }>();
    for (const root of this.roots) {
      if (!root.generate) continue;
      if (root.file !== undefined) this.addInput(inputs, root.file, this.ownerOf(root.file) ?? root);
      else {
        for (const path of protosBelow(root.folder, this.diagnostics)) {
          const owner = this.ownerOf(path) ?? root;
          if (owner.generate) this.addInput(inputs, path, owner);
        }
      }
    }
    for (const [name, { path, root }] of inputs) this.load(name, path, root);
    // A Map is iterated in the order of insertion, and what is inserted meanwhile is visited too.
    for (const source of this.files.values()) this.loadImports(source);
    return { files: this.files, inputs: this.renamed([...inputs.keys()]).sort(), diagnostics: this.diagnostics };
  }

  /** The deepest folder among the roots that holds a file; of two names for one folder the first. */
  private ownerOf(path: string): Root | undefined {
    let owner: Root | undefined;
    for (const root of this.roots) {
      if (root.file !== undefined || !isInside(path, root.folder)) continue;
      if (owner === undefined || root.folder.length > owner.folder.length) owner = root;
    }
    return owner;
  }

  /**
   * The inputs, each under the name its importers use. With `--proto api --include .`, where files say
   * `import "api/trade.proto"`, both that and `trade.proto` name one file; compiled twice it would clash with itself.
   */
  private renamed(inputs: readonly string[]): string[] {
    const imported = new Set([...this.files.values()].flatMap((file) => file.scan.imports.map((one) => one.path)));
    return inputs.map((name) => {
      if (imported.has(name)) return name;
      const path = this.paths.get(name);
      const other = [...this.paths].find(([key, value]) => value === path && key !== name && imported.has(key))?.[0];
      if (path === undefined || other === undefined) return name;
      this.files.delete(name);
      return other;
    });
  }

  private addInput(inputs: Map<string, { path: string; root: Root }>, path: string, root: Root): void {
    const name = importName(path, root);
    const other = inputs.get(name);
    if (other === undefined) {
      inputs.set(name, { path, root });
      return;
    }
    if (other.path === path || readFileSync(other.path).equals(readFileSync(path))) return;
    this.fileError(
      display(path, root),
      `The import name "${name}" means two files that differ, this one and ${display(other.path, other.root)}; give only one of them, or move one.`,
    );
  }

  private load(name: string, path: string, root: Root): void {
    if (this.files.has(name)) return;
    const shown = display(path, root);
    const text = this.readText(path, shown);
    if (text === undefined) return;
    const scan = scanProto(text);
    if (scan.depth > maxDepth) {
      this.fileError(shown, `Braces nest ${scan.depth} deep; the limit is ${maxDepth}.`);
      return;
    }
    this.files.set(name, { name, display: shown, text, scan });
    this.paths.set(name, path);
  }

  private readText(path: string, shown: string): string | undefined {
    try {
      const found = statSync(path);
      // A pipe or a device may give nothing, or never end.
      if (!found.isFile()) {
        this.fileError(shown, 'This is no regular file.');
        return undefined;
      }
      const { size } = found;
      if (size > maxFileBytes) {
        this.fileError(shown, `The file has ${size} bytes; the limit is ${maxFileBytes}. Split it.`);
        return undefined;
      }
      const bytes = readFileSync(path);
      const text = bytes.toString('utf8');
      if (text.includes('\0')) {
        this.fileError(
          shown,
          'The file holds a zero byte, so it is not a .proto source; remove it or name it otherwise.',
        );
        return undefined;
      }
      return text.startsWith('\uFEFF') ? text.slice(1) : text;
    } catch (error) {
      this.fileError(shown, `The file cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
      return undefined;
    }
  }

  private loadImports(source: ProtoSource): void {
    for (const one of source.scan.imports) {
      if (this.files.has(one.path)) continue;
      const found = isVirtualPath(one.path) ? this.find(one.path) : undefined;
      if (found !== undefined) this.load(one.path, found.path, found.root);
      // buf has google/protobuf in itself and says so of a name that it does not know.
      else if (!/^google\/protobuf\/[^.]/.test(one.path)) {
        this.diagnostics.push({
          severity: 'error',
          message: isVirtualPath(one.path)
            ? `There is no "${one.path}" below ${this.roots.map((root) => root.given).join(', ')}; ${this.hint(one.path)}.`
            : `"${one.path}" is no import name: it may hold no "\\", "//", "." or ".."; import names are relative to a --proto or --include folder.`,
          file: source.display,
          line: one.line,
          column: one.column,
          length: one.length,
          sourceLine: source.text.split('\n', one.line)[one.line - 1]?.replace(/\r$/, '') ?? '',
        });
      }
    }
  }

  private hint(name: string): string {
    for (const [known, path] of this.paths) {
      if (known.endsWith(`/${name}`)) {
        return `it is there as "${known}", so add --include ${
          relative('', path.slice(0, -name.length - 1))
            .split(sep)
            .join('/') || '.'
        }`;
      }
    }
    return 'add the folder that it is relative to with --include';
  }

  /** Roots are searched in the order they were given, --proto before --include. */
  private find(name: string): { path: string; root: Root } | undefined {
    for (const root of name.startsWith('hawser/') ? [...this.roots, this.packaged] : this.roots) {
      const path = join(root.folder, ...name.split('/'));
      if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return { path, root };
    }
    return undefined;
  }

  private fileError(file: string, message: string): void {
    this.diagnostics.push({ severity: 'error', message, file, line: 0, column: 0 });
  }
}

function rootOf(given: string, generate: boolean): Root {
  const path = resolve(given);
  return statSync(path).isFile()
    ? { given, folder: dirname(path), file: path, generate }
    : { given, folder: path, generate };
}

function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function importName(path: string, root: Root): string {
  return relative(root.folder, path).split(sep).join('/');
}

function display(path: string, root: Root): string {
  if (root.file !== undefined && path === root.file) return root.given;
  const base = root.file === undefined ? root.given : dirname(root.given);
  return join(base, relative(root.folder, path)).split(sep).join('/');
}

function isVirtualPath(name: string): boolean {
  return (
    name !== '' && !name.includes('\\') && name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/** The protos that this package brings: only `hawser/...` may be imported from there. */
function packagedProtos(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'proto', 'hawser', 'policy', 'v1', 'policy.proto'))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new Error('The hawser package is incomplete: proto/hawser is missing. Install it again.');
    folder = parent;
  }
  return join(folder, 'proto');
}

/** All .proto files below a folder, sorted; version control's own folders and installed packages are left out. */
/** Every `*.proto` below a folder, or the file itself. */
export function protoFiles(root: string): string[] {
  return statSync(root).isFile() ? [root] : protosBelow(root, []);
}

function protosBelow(folder: string, diagnostics: Diagnostic[]): string[] {
  const found: string[] = [];
  const pending = [folder];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of readdirSync(next, { withFileTypes: true })) {
      const path = join(next, entry.name);
      // A link to a folder may lead back up; a link to a file is a file.
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules' && !entry.name.startsWith('.git')) pending.push(path);
      } else if (entry.name.endsWith('.proto') && statSync(path, { throwIfNoEntry: false })?.isFile() === true) {
        found.push(path);
      }
    }
    if (found.length > maxFiles) {
      diagnostics.push({
        severity: 'error',
        message: `There are more than ${maxFiles} .proto files below this folder; name the folders you mean, one --proto each.`,
        file: folder,
        line: 0,
        column: 0,
      });
      return [];
    }
  }
  return found.sort();
}

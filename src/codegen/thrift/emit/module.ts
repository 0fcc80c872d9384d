/**
 * One generated module while it is printed: which names it may use for what, and which imports
 * that takes. Nothing that the IDL defines can shadow what generated code relies on: a runtime
 * symbol is imported under another name then, a global is reached through `globalThis`, a local
 * variable gets a `$`, which no name of the IDL has.
 */
import { posix } from 'node:path';
import { declarationName, Scope } from '../../names.js';
import type { ConstDefinition, Program, ServiceDefinition, ServiceFunction, TypeDefinition } from '../program.js';
import { exportNames, type FunctionNames, type ModuleNames } from './export-names.js';

/** All files of a run: where each one's module goes, and what it exports. */
export class Modules {
  /** What imports of generated files may be called, anywhere. */
  readonly aliases: ReadonlySet<string>;
  private readonly names = new Map<Program, ModuleNames>();

  constructor(
    /** Relative to the output folder, with forward slashes, ending in `.ts`. */
    private readonly paths: ReadonlyMap<Program, string>,
    readonly importSuffix = '.js',
  ) {
    this.aliases = new Set([...paths.keys()].map(aliasOf));
  }

  path(program: Program): string {
    const path = this.paths.get(program);
    if (path === undefined) throw new Error(`no module was planned for ${program.source.name}`);
    return path;
  }

  exports(program: Program): ModuleNames {
    let names = this.names.get(program);
    if (names === undefined) {
      names = exportNames(program);
      this.names.set(program, names);
    }
    return names;
  }
}

/** What generated code may import from `hawser/thrift`, so that no local variable hides any of it. */
const runtimeSymbols = [
  ...['constant', 'defineService', 'defineStruct', 'describeError', 'missingRequired', 'nestedMismatch', 'oneway'],
  ...[
    'requiredUnset',
    'resultCodec',
    'serverStream',
    'topicCodec',
    'topicStream',
    'unary',
    'unionCount',
    'unionUnset',
    'DeclaredError',
  ],
];
const runtimeTypes = new Set(['Codec', 'StructCodec']);
const globals = ['Map', 'Set', 'Uint8Array', 'ReadonlyMap', 'ReadonlySet', 'Omit', 'globalThis', 'undefined'];

export class ModuleWriter {
  readonly names: ModuleNames;
  private readonly scope: Scope;
  private readonly symbols = new Map<string, string>();
  private readonly aliases = new Map<Program, { alias: string; asValue: boolean }>();

  constructor(
    readonly program: Program,
    readonly modules: Modules,
  ) {
    this.names = modules.exports(program);
    this.scope = new Scope([...this.names.taken, ...globals]);
    for (const symbol of runtimeSymbols) this.symbolName(symbol);
    for (const symbol of runtimeTypes) this.symbolName(symbol);
  }

  private readonly used = new Set<string>();

  private symbolName(symbol: string): string {
    let name = this.symbols.get(symbol);
    if (name === undefined) {
      name = this.scope.internal(symbol);
      this.symbols.set(symbol, name);
    }
    return name;
  }

  /** A symbol of `hawser/thrift`, to be imported. */
  use(symbol: string): string {
    this.used.add(symbol);
    return this.symbolName(symbol);
  }

  /** A global of JavaScript or of TypeScript. */
  global(name: string): string {
    return this.names.taken.has(name) ? `globalThis.${name}` : name;
  }

  /** The name here of what a file defines. `asValue`: not only in a type. */
  ref(definition: TypeDefinition | ServiceDefinition | ConstDefinition, asValue: boolean): string {
    const { program } = definition;
    const name = this.modules.exports(program).definitions.get(definition) ?? definition.name;
    return this.qualify(program, name, asValue);
  }

  functionNames(owner: ServiceDefinition, one: ServiceFunction): FunctionNames {
    const names = this.modules.exports(owner.program).functions.get(one) ?? { args: one.name, result: one.name };
    return {
      args: this.qualify(owner.program, names.args, true),
      result: this.qualify(owner.program, names.result, true),
    };
  }

  private qualify(program: Program, name: string, asValue: boolean): string {
    if (program === this.program) return name;
    let entry = this.aliases.get(program);
    if (entry === undefined) {
      entry = { alias: this.scope.internal(aliasOf(program)), asValue: false };
      this.aliases.set(program, entry);
    }
    if (asValue) entry.asValue = true;
    return `${entry.alias}.${name}`;
  }

  /** Names for the variables of one function. */
  locals(): Locals {
    return new Locals((name) => this.scope.has(name) || this.modules.aliases.has(name));
  }

  /** The import statements that what was printed so far needs. */
  imports(): string[] {
    const lines: string[] = [];
    const names = [...this.used].sort((a, b) => (a < b ? -1 : 1));
    if (names.length > 0) {
      const onlyTypes = names.every((name) => runtimeTypes.has(name));
      const parts = names.map((name) => {
        const local = this.symbolName(name);
        const type = runtimeTypes.has(name) && !onlyTypes ? 'type ' : '';
        return `${type}${name}${local === name ? '' : ` as ${local}`}`;
      });
      const head = onlyTypes ? 'import type' : 'import';
      const line = `${head} { ${parts.join(', ')} } from "hawser/thrift";`;
      lines.push(
        line.length <= 120 ? line : `${head} {\n${parts.map((part) => `  ${part},\n`).join('')}} from "hawser/thrift";`,
      );
    }
    const own = posix.dirname(this.modules.path(this.program));
    const files = [...this.aliases].map(([program, { alias, asValue }]) => {
      const path = posix.relative(own, this.modules.path(program).replace(/\.ts$/, this.modules.importSuffix));
      const from = path.startsWith('.') ? path : `./${path}`;
      return { from, line: `import ${asValue ? '' : 'type '}* as ${alias} from ${JSON.stringify(from)};` };
    });
    files.sort((a, b) => (a.from < b.from ? -1 : 1));
    return [...lines, ...files.map(({ line }) => line)];
  }
}

/** The variables of one function. */
export class Locals {
  private readonly taken = new Set<string>();

  constructor(private readonly isTaken: (name: string) => boolean) {}

  declare(name: string): string {
    const free = (candidate: string) =>
      !this.taken.has(candidate) && !this.isTaken(candidate) && declarationName(candidate) === candidate;
    // The `$` stands behind, because imports have it in front.
    let unique = name;
    for (let count = 1; !free(unique); count++) unique = count === 1 ? `${name}$` : `${name}$${count}`;
    this.taken.add(unique);
    return unique;
  }
}

/** `shared` for shared.thrift. */
function aliasOf(program: Program): string {
  const name = program.name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[0-9])/, '_');
  return declarationName(name === '' ? '_' : name);
}

/**
 * Prints what a module holds besides its types: for each message the code that writes and reads it, with the table of its fields,
 * and for each enum its names. ts-proto's text is between the imports and that.
 */
import type { DescEnum, DescFile, DescMessage } from '@bufbuild/protobuf';
import type { TypeNames } from '../names.js';
import { header, importSpecifier, modulePath } from '../paths.js';
import { printEnum } from './enum.js';
import { printMessage } from './message.js';
import type { EmitOptions } from './options.js';

/** `types` is ts-proto's text. */
export function printModule(file: DescFile, types: string, names: TypeNames, options: EmitOptions): string {
  const scope = new ModuleScope(file, names, options);
  const declarations: string[] = [];
  const visit = (messages: readonly DescMessage[], enums: readonly DescEnum[]): void => {
    for (const one of enums) declarations.push(printEnum(one, scope));
    for (const one of messages) {
      declarations.push(printMessage(one, scope));
      visit(one.nestedMessages, one.nestedEnums);
    }
  };
  visit(file.messages, file.enums);
  return [header(`${file.name}.proto`), scope.imports(), types.trimEnd(), '', ...declarations, ''].join('\n');
}

/** A module of the name by which ts-proto's text imports `file`, where its own is one that ts-proto cannot spell. */
export function printAlias(file: string, spelled: string, importSuffix: EmitOptions['importSuffix']): string {
  const specifier = importSpecifier(modulePath(spelled, ''), modulePath(file, ''), importSuffix);
  return `${header(file)}\nexport * from ${JSON.stringify(specifier)};\n`;
}

/** What the emitted code of one module calls things. Imports begin with a `$`, which no name of the IDL holds. */
export class ModuleScope {
  readonly #runtime = new Set<string>();
  /** Imported names by specifier, each with its local name. */
  readonly #modules = new Map<string, Map<string, string>>();
  readonly #taken = new Set<string>();

  constructor(
    private readonly file: DescFile,
    private readonly names: TypeNames,
    readonly options: EmitOptions,
  ) {}

  /** Something of `hawser/proto`. */
  runtime(name: string): string {
    this.#runtime.add(name);
    this.#taken.add(`$${name}`);
    return `$${name}`;
  }

  /** The name of a type that this module declares or imports for its value. */
  type(type: DescMessage | DescEnum): string {
    const local = this.local(type);
    const exported = type.kind === 'enum' ? `${local}$Enum` : local;
    return type.file === this.file ? exported : this.#import(type.file, exported);
  }

  /** The name of a type of this module. */
  local(type: DescMessage | DescEnum): string {
    return this.names.get(type.typeName)?.local ?? type.name;
  }

  #import(file: DescFile, name: string): string {
    const { importSuffix } = this.options;
    const path = modulePath(`${this.file.name}.proto`, '');
    const specifier = importSpecifier(path, modulePath(`${file.name}.proto`, ''), importSuffix);
    const imported = this.#modules.get(specifier) ?? new Map<string, string>();
    this.#modules.set(specifier, imported);
    const known = imported.get(name);
    if (known !== undefined) return known;
    let local = `$${name}`;
    for (let count = 2; this.#taken.has(local); count++) local = `$${name}${count}`;
    this.#taken.add(local);
    imported.set(name, local);
    return local;
  }

  imports(): string {
    const lines: string[] = [];
    const line = (names: string[], specifier: string): void => {
      lines.push(`import { ${names.join(', ')} } from ${JSON.stringify(specifier)};`);
    };
    const types = new Set(['MessageType', 'EnumType']);
    const runtime = [...this.#runtime].sort().map((name) => `${types.has(name) ? 'type ' : ''}${name} as $${name}`);
    if (runtime.length > 0) line(runtime, 'hawser/proto');
    for (const [specifier, imported] of [...this.#modules].sort(([a], [b]) => (a < b ? -1 : 1))) {
      line(
        [...imported].sort().map(([name, local]) => `${name} as ${local}`),
        specifier,
      );
    }
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }
}

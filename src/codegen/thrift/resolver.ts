/**
 * From a syntax tree to the resolved model, definition by definition in the order of the text, as
 * Apache's parser acts: what is defined further down is not there yet.
 */
import type { ThriftLimits } from './limits.js';
import type {
  AnyDefinition,
  ConstDefinition,
  EnumDefinition,
  Field,
  Program,
  ServiceDefinition,
  ServiceFunction,
  StructDefinition,
  Type,
  TypeDefinition,
  TypedefDefinition,
  Value,
} from './program.js';
import { annotations, TypeResolver } from './resolve-types.js';
import { ValueResolver } from './resolve-values.js';
import { include, ThriftScope } from './scope.js';
import type { Source, Span } from './source.js';
import type {
  ConstNode,
  DefinitionNode,
  EnumNode,
  FieldNode,
  FileNode,
  FunctionNode,
  IncludeNode,
  Name,
  ServiceNode,
  StructNode,
  ValueNode,
} from './syntax.js';
import { sizeOf } from './value-size.js';

/** A resolved file, and what other files see of it. */
export interface ResolvedFile {
  readonly program: Program;
  /** Its own definitions only. */
  readonly own: ThriftScope;
  /** A name that is missing may be one that this file failed to define. */
  readonly unsound: boolean;
}

export interface ResolvedInclude {
  readonly node: IncludeNode;
  readonly file: ResolvedFile;
}

export function resolveFile(
  source: Source,
  name: string,
  /** `lostIncludes`: names of included files that could not be read. */
  file: FileNode & { readonly lostIncludes: readonly string[] },
  includes: readonly ResolvedInclude[],
  limits: ThriftLimits,
): ResolvedFile {
  return new FileResolver(source, name, file, includes, limits).run();
}

class FileResolver {
  private readonly own = new ThriftScope();
  private readonly visible = new ThriftScope();
  private readonly definitions: AnyDefinition[] = [];
  private readonly typedefs: TypedefDefinition[] = [];
  private readonly broken = new Set<string>();
  private readonly unsoundPrefixes: string[];
  private readonly names = new Map<string, AnyDefinition>();
  private readonly program: Program;
  private readonly types: TypeResolver;
  private readonly values: ValueResolver;

  constructor(
    private readonly source: Source,
    name: string,
    private readonly file: FileNode & { readonly lostIncludes: readonly string[] },
    private readonly includes: readonly ResolvedInclude[],
    private readonly limits: ThriftLimits,
  ) {
    this.unsoundPrefixes = [...file.lostIncludes].map((each) => `${each}.`);
    this.program = {
      source,
      name,
      doc: file.doc,
      docIsOwn: file.docIsOwn,
      namespaces: new Map(
        file.namespaces.map((each) => [each.scope, { name: each.name, annotations: annotations(each.annotations) }]),
      ),
      cppIncludes: file.cppIncludes,
      includes: includes.map(({ file: { program } }) => program),
      definitions: this.definitions,
    };
    const nowhere: Span = { start: 0, end: 0 };
    const missing: TypeDefinition = {
      ...{ kind: 'struct', name: '(missing)', fields: [], doc: undefined, annotations: [], program: this.program },
      ...{ span: nowhere, nameSpan: nowhere },
    };
    const excuse = (used: string) => this.isExcused(used);
    this.types = new TypeResolver(source, this.visible, excuse, missing, limits.nesting);
    this.values = new ValueResolver(source, this.visible, this.types, excuse);
  }

  run(): ResolvedFile {
    for (const { node, file } of this.includes) {
      if (file.unsound) this.unsoundPrefixes.push(`${file.program.name}.`);
      const [taken] = include(this.visible, file.program.name, file.own);
      if (taken !== undefined) {
        this.source.error(
          node,
          `another include has already brought ${taken}; no two included files may share a name and a constant`,
        );
      }
    }
    for (const node of this.file.definitions) this.define(node);
    this.types.finish(this.typedefs);
    return { program: this.program, own: this.own, unsound: this.source.errors > 0 };
  }

  private isExcused(name: string): boolean {
    const { lost } = this.file;
    if (this.broken.has(name) || lost.has(name) || lost.has(name.split('.', 1)[0] ?? '')) return true;
    return this.unsoundPrefixes.some((prefix) => name.startsWith(prefix));
  }

  private define(node: DefinitionNode): void {
    switch (node.kind) {
      case 'const':
        this.defineConst(node);
        return;
      case 'service': {
        const service = this.service(node);
        this.own.services.set(service.name, service);
        this.visible.services.set(service.name, service);
        this.add(service);
        return;
      }
      case 'typedef': {
        const definition: TypedefDefinition = {
          ...this.element(node),
          kind: 'typedef',
          type: this.types.resolve(node.type),
        };
        this.typedefs.push(definition);
        this.addType(definition);
        return;
      }
      case 'enum':
        this.addType(this.enum(node));
        return;
      default:
        this.addType(this.struct(node));
    }
  }

  private element(node: DefinitionNode) {
    return { ...this.named(node), program: this.program };
  }

  private named(node: { name: Name; doc: string | undefined; annotations: FieldNode['annotations'] } & Span) {
    const { name, doc, start, end } = node;
    return {
      name: name.text,
      doc,
      annotations: annotations(node.annotations),
      span: { start, end },
      nameSpan: { start: name.start, end: name.end },
    };
  }

  private addType(definition: TypeDefinition): void {
    this.own.types.set(definition.name, definition);
    this.visible.types.set(definition.name, definition);
    this.add(definition);
  }

  private add(definition: Exclude<AnyDefinition, ConstDefinition>): void {
    this.definitions.push(definition);
    const { name, nameSpan } = definition;
    if (this.names.has(name)) {
      this.source.error(nameSpan, `${name} is already defined in this file; types and services share their names`);
    }
    this.names.set(name, definition);
    for (const { file } of this.includes) {
      const { own, program } = file;
      if (!own.types.has(name) && !own.services.has(name)) continue;
      if (!sameNamespaces(this.program, program)) continue;
      const message = `${name} is also defined in ${program.source.name}, which has the same namespaces; give one of the files another`;
      this.source.error(nameSpan, message);
    }
  }

  private enum(node: EnumNode): EnumDefinition {
    const values = node.values.map((each) => ({ ...this.named(each), value: each.value }));
    const definition: EnumDefinition = { ...this.element(node), kind: 'enum', values };
    for (const value of values) {
      const constant = `${definition.name}.${value.name}`;
      if (this.visible.constants.has(constant)) {
        this.source.error(value.nameSpan, `${definition.name} has already a value "${value.name}"`);
        continue;
      }
      this.own.constants.set(constant, { kind: 'enum value', definition, value });
      this.visible.constants.set(constant, { kind: 'enum value', definition, value });
    }
    return definition;
  }

  private struct(node: StructNode): StructDefinition {
    const fields = node.fields.map((each) => this.field(each));
    if (node.kind === 'union') {
      for (const [index, field] of fields.entries()) {
        if (field.requiredness === 'required') {
          this.source.warning(
            field.nameSpan,
            `"required" has no effect in a union: exactly one field of ${node.name.text} is set`,
          );
        }
        fields[index] = { ...field, requiredness: 'optional' };
      }
      const second = fields.filter(({ value }) => value !== undefined)[1];
      if (second !== undefined) {
        this.source.error(
          second.nameSpan,
          `only one field of a union may have a default, "${second.name}" is the second`,
        );
      }
    }
    return { ...this.element(node), kind: node.kind, fields };
  }

  private field(node: FieldNode): Field {
    const type = this.types.resolve(node.type);
    const value = node.value === undefined ? undefined : this.value(node.value, type, `"${node.name.text}"`);
    const { id, requiredness, reference } = node;
    return { ...this.named(node), id, requiredness, reference, type, value };
  }

  private value(node: ValueNode, type: Type, what: string): Value | undefined {
    const value = this.values.resolve(node, type, what);
    if (value === undefined) return undefined;
    const { size, depth } = sizeOf(value);
    const { constantSize, nesting } = this.limits;
    if (size <= constantSize && depth <= nesting) return value;
    const problem = size > constantSize ? `holds ${size} values` : `nests ${depth} levels`;
    const limit = size > constantSize ? constantSize : nesting;
    this.source.error(node, `${what} ${problem}, with the constants that it names written out; the limit is ${limit}`);
    return undefined;
  }

  private defineConst(node: ConstNode): void {
    const type = this.types.resolve(node.type);
    const name = node.name.text;
    const value = this.value(node.value, type, `the constant ${name}`);
    if (this.visible.constants.has(name)) {
      this.source.error(node.name, `there is already a constant ${name}`);
      return;
    }
    if (value === undefined) {
      this.broken.add(name);
      return;
    }
    const definition: ConstDefinition = { ...this.element(node), kind: 'const', type, value };
    this.definitions.push(definition);
    this.own.constants.set(name, { kind: 'const', definition });
    this.visible.constants.set(name, { kind: 'const', definition });
  }

  private service(node: ServiceNode): ServiceDefinition {
    const inherited = node.extends === undefined ? undefined : this.visible.services.get(node.extends.text);
    const functions: ServiceFunction[] = [];
    const names = new Set<string>();
    for (const each of node.functions) {
      const { name } = each;
      if (names.has(name.text)) this.source.error(name, `there is already a function "${name.text}" in this service`);
      names.add(name.text);
      functions.push(this.function(each));
    }
    if (node.extends !== undefined && inherited === undefined && !this.isExcused(node.extends.text)) {
      this.source.error(
        node.extends,
        `there is no service ${node.extends.text} before this place; a service is defined before it is extended`,
      );
    }
    for (let base = inherited; base !== undefined; base = base.base) {
      for (const each of base.functions) {
        if (!names.has(each.name)) continue;
        const own = functions.find(({ name }) => name === each.name);
        const message = `the function "${each.name}" is inherited from ${base.name}; a service cannot define it again`;
        this.source.error(own?.nameSpan ?? node.name, message);
      }
    }
    return { ...this.element(node), kind: 'service', base: inherited, functions };
  }

  private function(node: FunctionNode): ServiceFunction {
    const { oneway } = node;
    const returns = node.returns === undefined ? undefined : this.types.resolve(node.returns);
    const args = node.args.map((each) => this.field(each));
    const throws = node.throws.map((each) => this.field(each));
    for (const { type, nameSpan, name, requiredness } of throws) {
      if (requiredness === 'required') this.source.warning(nameSpan, '"required" has no effect in "throws"');
      const known = this.types.known(type);
      if (known === undefined) this.types.reportUnknown(type, nameSpan, 'this function');
      else if (known.kind !== 'struct' || known.definition.kind !== 'exception') {
        this.source.error(nameSpan, `"${name}" cannot be thrown: its type is not an exception`);
      }
    }
    if (oneway && throws.length > 0) {
      this.source.error(
        node.name,
        `"${node.name.text}" is oneway, so nobody would get its exceptions; remove "throws" or "oneway"`,
      );
    }
    if (oneway && node.returns !== undefined) {
      const message = `"${node.name.text}" is oneway, so nobody would get its result; declare it void`;
      // Apache's compiler crashes on a type by name here, and warns of any other.
      if (node.returns.kind === 'named') this.source.error(node.returns, message);
      else this.source.warning(node.returns, message);
    }
    return { ...this.named(node), oneway, returns, args, throws };
  }
}

/**
 * Whether two files would put their types in one place in every language that either names
 * (`is_common_namespace` in Apache's t_program.h); also when neither names any.
 */
function sameNamespaces(one: Program, other: Program): boolean {
  const at = (program: Program, language: string) =>
    (program.namespaces.get(language) ?? program.namespaces.get('*'))?.name ?? '';
  const agrees = (a: Program, b: Program) =>
    [...a.namespaces].every(([language, { name }]) => at(b, language) === name);
  return agrees(one, other) && agrees(other, one);
}

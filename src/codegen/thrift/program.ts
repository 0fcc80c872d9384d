/**
 * The resolved model of a `.thrift` file and of all it includes: names looked up, ids assigned,
 * constants checked. The emitter, dynamic calls and the compatibility gate read this and nothing
 * else of the IDL. Every element knows its program and its place in the text.
 */
import type { Source, Span } from './source.js';
import type { BaseTypeName, Requiredness } from './syntax.js';

export type { BaseTypeName, Requiredness } from './syntax.js';

export interface Annotation {
  readonly key: string;
  /** "1" when the IDL gives none. */
  readonly value: string;
  readonly span: Span;
}

export type Type =
  | { readonly kind: 'base'; readonly base: BaseTypeName; readonly annotations: readonly Annotation[] }
  | { readonly kind: 'list' | 'set'; readonly element: Type; readonly annotations: readonly Annotation[] }
  | { readonly kind: 'map'; readonly key: Type; readonly value: Type; readonly annotations: readonly Annotation[] }
  | NamedType;

export interface NamedType {
  readonly kind: 'named';
  /** As written: `shared.Trade`. */
  readonly name: string;
  readonly definition: TypeDefinition;
}

/** A type with all typedefs followed. */
export type TrueType =
  | Exclude<Type, NamedType>
  | { readonly kind: 'enum'; readonly definition: EnumDefinition }
  | { readonly kind: 'struct'; readonly definition: StructDefinition };

interface Element {
  readonly name: string;
  readonly doc: string | undefined;
  readonly annotations: readonly Annotation[];
  readonly span: Span;
  readonly nameSpan: Span;
}

interface Definition extends Element {
  readonly program: Program;
}

export interface TypedefDefinition extends Definition {
  readonly kind: 'typedef';
  readonly type: Type;
}

export interface EnumValue extends Element {
  readonly value: number;
}

export interface EnumDefinition extends Definition {
  readonly kind: 'enum';
  readonly values: readonly EnumValue[];
}

export interface Field extends Element {
  readonly id: number;
  readonly requiredness: Requiredness;
  readonly type: Type;
  readonly value: Value | undefined;
  /** Written with `&`: C++ holds it by pointer. */
  readonly reference: boolean;
}

/** In the order of the text. A field of a union is always optional. */
export interface StructDefinition extends Definition {
  readonly kind: 'struct' | 'union' | 'exception';
  readonly fields: readonly Field[];
}

export interface ConstDefinition extends Definition {
  readonly kind: 'const';
  readonly type: Type;
  readonly value: Value;
}

export interface ServiceFunction extends Element {
  readonly oneway: boolean;
  /** Undefined: void. */
  readonly returns: Type | undefined;
  readonly args: readonly Field[];
  readonly throws: readonly Field[];
}

export interface ServiceDefinition extends Definition {
  readonly kind: 'service';
  readonly base: ServiceDefinition | undefined;
  /** Its own, without the inherited ones. */
  readonly functions: readonly ServiceFunction[];
}

export type TypeDefinition = TypedefDefinition | EnumDefinition | StructDefinition;
export type AnyDefinition = TypeDefinition | ConstDefinition | ServiceDefinition;

/** The value of a constant or a default. Its form may disagree with its type where Apache's compiler lets that pass. */
export type Value =
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'enum'; readonly definition: EnumDefinition; readonly value: EnumValue }
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [Value, Value])[] }
  /** A container or struct that another constant holds. */
  | { readonly kind: 'constant'; readonly definition: ConstDefinition };

export interface Program {
  readonly source: Source;
  /** `shared` for `idl/shared.thrift`: what its names are prefixed with elsewhere. */
  readonly name: string;
  readonly doc: string | undefined;
  /** Whether `doc` is the file's alone, and not also its first element's. */
  readonly docIsOwn: boolean;
  /** By language; `*` for all. */
  readonly namespaces: ReadonlyMap<string, { readonly name: string; readonly annotations: readonly Annotation[] }>;
  readonly cppIncludes: readonly string[];
  /** The included files that were found, in the order of the text. */
  readonly includes: readonly Program[];
  readonly definitions: readonly AnyDefinition[];
}

/** The namespace for TypeScript: that for `js`, else for `*`, else the name of the file. */
export function namespaceOf(program: Program): string {
  return (program.namespaces.get('js') ?? program.namespaces.get('*'))?.name ?? program.name;
}

/** `market.v1.Trade` */
export function fullName(definition: AnyDefinition): string {
  return `${namespaceOf(definition.program)}.${definition.name}`;
}

export function trueType(type: Type): TrueType {
  let current = type;
  while (current.kind === 'named') {
    const { definition } = current;
    if (definition.kind === 'enum') return { kind: 'enum', definition };
    if (definition.kind !== 'typedef') return { kind: 'struct', definition };
    current = definition.type;
  }
  return current;
}

/** The functions of a service, those it inherits first. */
export function allFunctions(service: ServiceDefinition): { owner: ServiceDefinition; function: ServiceFunction }[] {
  const chain: ServiceDefinition[] = [];
  for (let at: ServiceDefinition | undefined = service; at !== undefined; at = at.base) chain.unshift(at);
  return chain.flatMap((owner) => owner.functions.map((each) => ({ owner, function: each })));
}

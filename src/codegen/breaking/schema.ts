/**
 * What two versions of an API are compared by: one model for both IDLs, with nothing in it but what a change can be
 * seen in. It is plain data, so that a snapshot of a release is this, written down, and reading one needs no compiler.
 */
import type { MethodKind } from '../../contract/method.js';
import type { Policy } from '../../contract/policy.js';

export interface Schema {
  readonly files: readonly FileDecl[];
  /** Messages, structs, unions, exceptions and enums, by full name within an IDL. */
  readonly types: readonly TypeDecl[];
  readonly services: readonly ServiceDecl[];
  /** Extensions of messages (proto). */
  readonly extensions: readonly ExtensionDecl[];
}

export type Idl = 'proto' | 'thrift';

/** Where something stands in the IDL. */
export interface Place {
  readonly file: string;
  /** From 1; 0 when the place is the file as a whole. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly length?: number;
  readonly sourceLine?: string;
}

export interface FileDecl {
  readonly idl: Idl;
  /** As other files import it. */
  readonly name: string;
  /** The package of a proto file. */
  readonly package: string;
  /** `proto3`, `edition 2023`; empty for Thrift. */
  readonly syntax: string;
  /** What code generators of other languages go by: `java_package`; the namespaces of Thrift. */
  readonly options: Readonly<Record<string, string>>;
  readonly place: Place;
}

export type TypeRef =
  | { readonly kind: 'scalar'; readonly name: string }
  | { readonly kind: 'enum' | 'struct'; readonly name: string }
  | { readonly kind: 'list' | 'set'; readonly element: TypeRef }
  | { readonly kind: 'map'; readonly key: TypeRef; readonly value: TypeRef };

/**
 * `implicit`: proto3 without `optional`, and Thrift's default requiredness: always written, or read as zero when not.
 * A map or a list of proto is `repeated`; a container of Thrift is a value like any other.
 */
export type Presence = 'implicit' | 'optional' | 'required' | 'repeated';

export interface FieldDecl {
  readonly id: number;
  readonly name: string;
  /** Proto only. */
  readonly jsonName?: string;
  readonly type: TypeRef;
  readonly presence: Presence;
  /** As text; absent when the IDL gives none. */
  readonly default?: string;
  /** The oneof that it is a member of; not that of proto3's `optional`. */
  readonly oneof?: string;
  /** Encoding details that peers must agree on: `packed`, `delimited`, `utf8`. */
  readonly traits: readonly string[];
  /** The feature that peers must agree on before it is sent. */
  readonly feature?: string;
  readonly place: Place;
}

export interface StructDecl {
  readonly kind: 'struct';
  readonly form: 'message' | 'struct' | 'union' | 'exception';
  readonly idl: Idl;
  readonly name: string;
  readonly file: string;
  readonly fields: readonly FieldDecl[];
  /** Ids that must not come back: pairs of first and last, both inclusive. */
  readonly reserved: readonly (readonly [number, number])[];
  readonly reservedNames: readonly string[];
  /** Extensions of it may be declared in these ranges. */
  readonly extensionRanges: readonly (readonly [number, number])[];
  readonly place: Place;
}

export interface ExtensionDecl {
  readonly name: string;
  /** The message that it extends. */
  readonly extendee: string;
  readonly file: string;
  readonly field: FieldDecl;
}

export interface EnumValueDecl {
  readonly name: string;
  readonly number: number;
  readonly place: Place;
}

export interface EnumDecl {
  readonly kind: 'enum';
  readonly idl: Idl;
  readonly name: string;
  readonly file: string;
  /** A reader may refuse, drop or misread a number that has no name: proto2 and Thrift. */
  readonly closed: boolean;
  readonly values: readonly EnumValueDecl[];
  readonly reserved: readonly (readonly [number, number])[];
  readonly reservedNames: readonly string[];
  readonly place: Place;
}

export type TypeDecl = StructDecl | EnumDecl;

export interface ErrorDecl {
  /** The field id in Thrift; 0 for proto. */
  readonly id: number;
  readonly name: string;
  /** Full name of the exception or message. */
  readonly type: string;
  readonly place: Place;
}

export interface MethodDecl {
  readonly name: string;
  readonly kind: MethodKind;
  /** Proto: one message. Thrift: the arguments, as the fields of a struct of their own. */
  readonly request: TypeRef | readonly FieldDecl[];
  /** Undefined for void. */
  readonly response: TypeRef | undefined;
  readonly errors: readonly ErrorDecl[];
  readonly policy: Policy;
  readonly place: Place;
}

export interface ServiceDecl {
  readonly idl: Idl;
  readonly name: string;
  readonly file: string;
  /** As declared; absent when none is. */
  readonly version?: string;
  readonly policy: Policy;
  /** Its own and those it inherits. */
  readonly methods: readonly MethodDecl[];
  /** The service that it extends (Thrift). */
  readonly base?: string;
  readonly place: Place;
}

/** For messages: `map<string, market.v1.Trade>`. */
export function typeText(type: TypeRef | undefined): string {
  if (type === undefined) return 'void';
  switch (type.kind) {
    case 'list':
    case 'set':
      return `${type.kind}<${typeText(type.element)}>`;
    case 'map':
      return `map<${typeText(type.key)}, ${typeText(type.value)}>`;
    default:
      return type.name;
  }
}

/** Every struct and enum that a type names. */
export function namesIn(type: TypeRef): string[] {
  switch (type.kind) {
    case 'scalar':
      return [];
    case 'enum':
    case 'struct':
      return [type.name];
    case 'map':
      return [...namesIn(type.key), ...namesIn(type.value)];
    default:
      return namesIn(type.element);
  }
}

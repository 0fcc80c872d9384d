/**
 * What the parser makes of one file: the text as a tree, names not yet looked up. Elements keep
 * their order and their place in the text.
 */
import type { Span } from './source.js';

export interface Name extends Span {
  readonly text: string;
}

/** `key = "value"`; a key alone has the value "1". A key may occur more than once. */
export interface AnnotationNode extends Span {
  readonly key: string;
  readonly value: string;
}

export type BaseTypeName = 'bool' | 'i8' | 'i16' | 'i32' | 'i64' | 'double' | 'string' | 'binary' | 'uuid';

export type TypeNode =
  | (Span & { readonly kind: 'base'; readonly base: BaseTypeName; readonly annotations: readonly AnnotationNode[] })
  | (Span & { readonly kind: 'named'; readonly name: string })
  | (Span & {
      readonly kind: 'list' | 'set';
      readonly element: TypeNode;
      readonly annotations: readonly AnnotationNode[];
    })
  | (Span & {
      readonly kind: 'map';
      readonly key: TypeNode;
      readonly value: TypeNode;
      readonly annotations: readonly AnnotationNode[];
    });

export type ValueNode =
  | (Span & { readonly kind: 'integer'; readonly value: bigint })
  | (Span & { readonly kind: 'double'; readonly value: number })
  | (Span & { readonly kind: 'string'; readonly value: string })
  | (Span & { readonly kind: 'identifier'; readonly name: string })
  | (Span & { readonly kind: 'list'; readonly items: readonly ValueNode[] })
  | (Span & { readonly kind: 'map'; readonly entries: readonly (readonly [ValueNode, ValueNode])[] });

export type Requiredness = 'required' | 'optional' | 'default';

interface Element extends Span {
  readonly name: Name;
  readonly doc: string | undefined;
  readonly annotations: readonly AnnotationNode[];
}

export interface FieldNode extends Element {
  readonly id: number;
  readonly requiredness: Requiredness;
  readonly type: TypeNode;
  /** Written with `&`. */
  readonly reference: boolean;
  readonly value: ValueNode | undefined;
}

export interface EnumValueNode extends Element {
  readonly value: number;
}

export interface FunctionNode extends Element {
  readonly oneway: boolean;
  /** Undefined: void. */
  readonly returns: TypeNode | undefined;
  readonly args: readonly FieldNode[];
  readonly throws: readonly FieldNode[];
}

export interface TypedefNode extends Element {
  readonly kind: 'typedef';
  readonly type: TypeNode;
}

export interface EnumNode extends Element {
  readonly kind: 'enum';
  readonly values: readonly EnumValueNode[];
}

export interface StructNode extends Element {
  readonly kind: 'struct' | 'union' | 'exception';
  readonly fields: readonly FieldNode[];
}

export interface ConstNode extends Element {
  readonly kind: 'const';
  readonly type: TypeNode;
  readonly value: ValueNode;
}

export interface ServiceNode extends Element {
  readonly kind: 'service';
  readonly extends: Name | undefined;
  readonly functions: readonly FunctionNode[];
}

export type DefinitionNode = TypedefNode | EnumNode | StructNode | ConstNode | ServiceNode;

export interface NamespaceNode extends Span {
  /** `js`, `py.twisted`, `*`. */
  readonly scope: string;
  readonly name: string;
  readonly annotations: readonly AnnotationNode[];
}

export interface IncludeNode extends Span {
  readonly path: string;
}

export interface FileNode {
  /** The file's own comment, as Apache finds it: the first of the file. */
  readonly doc: string | undefined;
  /** Whether `doc` stands before the first header, so that it is not also an element's. */
  readonly docIsOwn: boolean;
  readonly includes: readonly IncludeNode[];
  readonly cppIncludes: readonly string[];
  readonly namespaces: readonly NamespaceNode[];
  readonly definitions: readonly DefinitionNode[];
  /** Names in what could not be read: the file may have meant to define them. */
  readonly lost: ReadonlySet<string>;
}

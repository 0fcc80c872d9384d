/** The tokens of the language: those of Apache's `thriftl.ll`, 0.24. */
export type TokenKind =
  | 'identifier'
  | 'literal'
  | 'integer'
  | 'double'
  /** A keyword; `text` says which. */
  | 'keyword'
  /** One of `: ; , { } ( ) = < > [ ] * &`; `text` says which. */
  | 'symbol'
  /** `@`, which only the dialect of fbthrift has. */
  | 'at'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As written; of a literal what it means, escapes resolved. */
  readonly text: string;
  /** Of an integer. */
  readonly integer: bigint;
  /** Of a double. */
  readonly double: number;
  readonly start: number;
  readonly end: number;
  /** Whether it is the first token of its line. */
  readonly startsLine: boolean;
}

export const keywords: ReadonlySet<string> = new Set(
  (
    'namespace cpp_include cpp_type xsd_all xsd_optional xsd_nillable xsd_attrs include void bool byte i8 i16 i32 i64 ' +
    'double string binary uuid map list set oneway async typedef struct union exception extends throws service enum ' +
    'const required optional'
  ).split(' '),
);

/**
 * The keywords that may name a field (rule FieldName). `cpp_type` and the xsd words are not among
 * them: those can follow a type or a name.
 */
export const fieldNameKeywords: ReadonlySet<string> = new Set(
  [...keywords].filter((word) => word !== 'cpp_type' && !word.startsWith('xsd_')),
);

/** Declarations of old, refused by the lexer wherever they stand; and what replaces each. */
export const retiredWords: ReadonlyMap<string, string> = new Map([
  ['cpp_namespace', 'namespace cpp'],
  ['java_package', 'namespace java'],
  ['delphi_namespace', 'namespace delphi'],
  ['php_namespace', 'namespace php'],
  ['py_module', 'namespace py'],
  ['perl_package', 'namespace perl'],
  ['ruby_namespace', 'namespace ruby'],
  ['smalltalk_category', 'namespace st'],
  ['smalltalk_prefix', 'namespace st'],
  ['xsd_namespace', 'namespace xsd'],
]);

/** What may be chosen of the generated code. */
export interface EmitOptions {
  /** How 64-bit numbers appear; `jstype` of a field wins. */
  readonly int64: 'bigint' | 'string';
  /** `number`: fields of an enum are numbers, and so take numbers that the IDL does not name. */
  readonly enums: 'const' | 'number';
  /** How imports of other modules end. */
  readonly importSuffix: '.js' | '.ts' | '';
  /** Only messages and enums: no services, error classes and descriptors. */
  readonly messagesOnly: boolean;
}

export const defaultEmit: EmitOptions = { int64: 'bigint', enums: 'const', importSuffix: '.js', messagesOnly: false };

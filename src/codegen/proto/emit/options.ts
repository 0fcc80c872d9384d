/** What may be chosen of the emitted code. */
export interface EmitOptions {
  readonly int64: 'bigint' | 'string';
  readonly enums: 'const' | 'number';
  /** How imports of other modules end. */
  readonly importSuffix: '.js' | '.ts' | '';
}

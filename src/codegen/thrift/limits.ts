/**
 * What one run of the compiler may consume. IDL comes from other teams and other companies: a
 * file that is absurdly large or nested gets a sentence, never a crash or an endless run. No
 * real-world tree that we know comes within a tenth of any of these.
 */
export interface ThriftLimits {
  /** Bytes of one file. */
  readonly fileBytes: number;
  /** Tokens of one file: bounds what the syntax tree takes in memory. */
  readonly tokens: number;
  /** How deep types, constant values and xsd attributes may nest. */
  readonly nesting: number;
  /** How long a chain of includes may be. */
  readonly includeDepth: number;
  /** Files of one run, included ones too. */
  readonly files: number;
  /** Errors and warnings reported of one file, each; the rest is only counted. */
  readonly diagnostics: number;
  /** Values of one constant or default, with the constants it names written out. */
  readonly constantSize: number;
}

export const defaultLimits: ThriftLimits = {
  fileBytes: 16 * 1024 * 1024,
  tokens: 2_000_000,
  nesting: 64,
  includeDepth: 64,
  files: 10_000,
  diagnostics: 50,
  constantSize: 100_000,
};

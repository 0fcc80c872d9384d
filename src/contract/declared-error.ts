/**
 * Errors that the IDL declares: a Thrift `exception`, or a proto message named in the `errors`
 * option. The generator makes a class for each; a handler throws it, the caller catches it.
 *
 * The base class adds no member that an IDL field could collide with. A brand under a global
 * symbol, not `instanceof`, tells one from another, so two copies of the package agree.
 */
import type { Codec } from './codec.js';

const brand = Symbol.for('hawser.declared-error');

export abstract class DeclaredError extends Error {
  /** The IDL's full name, `market.v1.BadFish`. */
  readonly [brand]: string;

  constructor(typeName: string, message: string) {
    super(message);
    this[brand] = typeName;
    // Not enumerable: only the IDL's fields show when the error is printed or compared.
    Object.defineProperty(this, brand, { enumerable: false });
    Object.defineProperty(this, 'name', {
      value: typeName.slice(typeName.lastIndexOf('.') + 1),
      enumerable: false,
      configurable: true,
      writable: true,
    });
  }
}

/** The static side of a generated error class. */
export interface ErrorType<E extends Error = Error> {
  readonly typeName: string;
  /** Encodes the fields of an error; decodes to an instance of the class. */
  readonly codec: Codec<E>;
}

/** A declared error at its place in one method. */
export interface MethodError {
  /** Thrift's field id in `throws`; in proto the position in the `errors` option, from 1. */
  readonly id: number;
  readonly type: ErrorType;
}

/** The IDL name of a declared error, or undefined for any other value. */
export function declaredTypeName(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const name = (error as { [brand]?: unknown })[brand];
  return typeof name === 'string' ? name : undefined;
}

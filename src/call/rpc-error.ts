/**
 * The one error that crosses a wire. Its code is gRPC's, its details are google.rpc's, and it
 * says whether the handler ran, because a retry may rest on nothing less.
 */
import { ErrorInfo } from '../../gen/google/rpc/error_details.js';
import type { Code } from '../contract/code.js';

/**
 * Whether the handler of the failed call ran: `not-executed` is proof that it did not,
 * `executed` that it was started, `unknown` is neither.
 */
export type Disposition = 'not-executed' | 'executed' | 'unknown';

/** A google.protobuf.Any: the full name of a message, and its bytes. */
export interface ErrorDetail {
  /** `google.rpc.ErrorInfo` */
  readonly type: string;
  readonly value: Uint8Array;
}

export interface RpcErrorOptions {
  /** For programs: UPPER_SNAKE, at most 63 characters (AIP-193). The code's name by default. */
  readonly reason?: string;
  /** Who gives the reason its meaning; `hawser` by default. */
  readonly domain?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Further google.rpc messages; an ErrorInfo among them takes the place of reason, domain and metadata. */
  readonly details?: readonly ErrorDetail[];
  readonly disposition?: Disposition;
  readonly cause?: unknown;
}

const errorInfoType = 'google.rpc.ErrorInfo';
const brand = Symbol.for('hawser.rpc-error');

/**
 * @example
 * throw new RpcError('NOT_FOUND', `no sale of ${fish} yet`, { reason: 'NO_SALE', metadata: { fish } });
 */
export class RpcError extends Error {
  readonly code: Code;
  readonly disposition: Disposition;
  readonly #reason: string | undefined;
  readonly #domain: string;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #given: readonly ErrorDetail[];
  #details: readonly ErrorDetail[] | undefined;
  #info: ErrorInfo | undefined;

  constructor(code: Code, message: string, options: RpcErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.disposition = options.disposition ?? 'unknown';
    this.#reason = options.reason;
    this.#domain = options.domain ?? 'hawser';
    this.#metadata = options.metadata ?? {};
    this.#given = options.details ?? [];
  }

  /** The google.rpc details; an ErrorInfo is always among them. */
  get details(): readonly ErrorDetail[] {
    if (this.#details === undefined) {
      this.#details = this.#given.some((detail) => detail.type === errorInfoType)
        ? this.#given
        : [{ type: errorInfoType, value: ErrorInfo.encode(this.info).finish() }, ...this.#given];
    }
    return this.#details;
  }

  get info(): ErrorInfo {
    if (this.#info === undefined) {
      this.#info =
        this.find(errorInfoType, ErrorInfo) ??
        ErrorInfo.create({ reason: this.#reason ?? this.code, domain: this.#domain, metadata: { ...this.#metadata } });
    }
    return this.#info;
  }

  /** For programs: `IDEMPOTENCY_KEY_REUSED`. */
  get reason(): string {
    return this.info.reason;
  }

  /** The first detail of a type, decoded; undefined when there is none or it does not decode. */
  find<T>(type: string, message: { decode(bytes: Uint8Array): T }): T | undefined {
    const detail = this.#given.find((one) => one.type === type);
    if (detail === undefined) return undefined;
    try {
      return message.decode(detail.value);
    } catch {
      return undefined;
    }
  }

  /** The same error with another word on whether the handler ran. */
  withDisposition(disposition: Disposition): RpcError {
    if (disposition === this.disposition) return this;
    // Neither a stack of its own nor the text of this one's: to write that down costs more than the call.
    const copy = withoutStack(
      () =>
        new RpcError(this.code, this.message, {
          ...(this.#reason === undefined ? {} : { reason: this.#reason }),
          domain: this.#domain,
          metadata: this.#metadata,
          details: this.#given,
          disposition,
          cause: this.cause,
        }),
    );
    let stack: string | undefined;
    Object.defineProperty(copy, 'stack', {
      get: () => stack ?? this.stack,
      set: (value: string) => {
        stack = value;
      },
      configurable: true,
    });
    return copy;
  }
}

// Of all of them: on each error they would cost more than the rest of it.
Object.defineProperty(RpcError.prototype, 'name', { value: 'RpcError', configurable: true, writable: true });
Object.defineProperty(RpcError.prototype, brand, { value: true });

/** Makes an error where a stack says nothing of what went wrong, and would cost more than the call. */
export function withoutStack<E extends Error>(make: () => E): E {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** Whether a value is an RpcError, of this copy of the package or another. */
export function isRpcError(value: unknown): value is RpcError {
  return typeof value === 'object' && value !== null && (value as { [brand]?: unknown })[brand] === true;
}

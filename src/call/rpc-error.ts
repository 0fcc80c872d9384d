/**
 * The one error that crosses a wire. Its code is gRPC's, its details are google.rpc's, and it
 * says whether the handler ran, because a retry may rest on nothing less.
 */

import { ErrorInfo } from '../../gen/google/rpc/error_details.js';
import { wellFormed } from '../contract/bytes/utf8.js';
import type { Code } from '../contract/code.js';

/**
 * Whether the handler of the failed call ran: `not-executed` is proof that it did not, `rolled-back` that it ran and the store
 * undid what it wrote there (KEYED methods), `executed` that it was started, `unknown` is neither.
 */
export type Disposition = 'not-executed' | 'rolled-back' | 'executed' | 'unknown';

/** A google.protobuf.Any: the full name of a message, and its bytes. */
export interface ErrorDetail {
  /** `google.rpc.ErrorInfo` */
  readonly type: string;
  readonly value: Uint8Array;
}

export interface RpcErrorOptions {
  /** For programs: UPPER_SNAKE, at most 63 characters (AIP-193). */
  readonly reason?: string;
  /** Who gives the reason its meaning. An error that a handler throws leaves with its service's full name, unless this says another. */
  readonly domain?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Further google.rpc messages; an ErrorInfo among them takes the place of reason, domain and metadata. */
  readonly details?: readonly ErrorDetail[];
  readonly disposition?: Disposition;
  readonly cause?: unknown;
}

const errorInfoType = 'google.rpc.ErrorInfo';
const brand = Symbol.for('hawser.rpc-error');

/** Whether the runtime made an error, which only the class can see; for own-error.ts. */
export const ownMark: { set(error: RpcError): void; isOn(error: RpcError): boolean } = {
  set: () => {},
  isOn: () => false,
};

/**
 * @example
 * throw new RpcError('NOT_FOUND', `no sale of ${fish} yet`, { reason: 'NO_SALE', metadata: { fish } });
 */
export class RpcError extends Error {
  static {
    ownMark.set = (error) => {
      error.#own = true;
    };
    // An error of another copy of the package has no such member.
    ownMark.isOn = (error) => #own in error && error.#own;
  }

  readonly code: Code;
  readonly disposition: Disposition;
  readonly #reason: string | undefined;
  readonly #domain: string | undefined;
  readonly #metadata: Readonly<Record<string, string>> | undefined;
  readonly #given: readonly ErrorDetail[];
  #own = false;
  #details: readonly ErrorDetail[] | undefined;
  #info: ErrorInfo | null | undefined;

  constructor(code: Code, message: string, options: RpcErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.disposition = options.disposition ?? 'unknown';
    this.#reason = options.reason;
    this.#domain = options.domain;
    this.#metadata = options.metadata;
    this.#given = options.details ?? [];
  }

  /** The google.rpc details; an ErrorInfo is among them where there is a reason. */
  get details(): readonly ErrorDetail[] {
    if (this.#details === undefined) {
      const { info } = this;
      this.#details =
        info === undefined || this.#given.some(isErrorInfo)
          ? this.#given
          : [{ type: errorInfoType, value: ErrorInfo.encode(info) }, ...this.#given];
    }
    return this.#details;
  }

  /** Reason, domain and metadata; undefined for an error without a reason. */
  get info(): ErrorInfo | undefined {
    if (this.#info === undefined) {
      const found = this.find(errorInfoType, ErrorInfo);
      if (found !== undefined) this.#info = found;
      else if (this.#reason === undefined && this.#metadata === undefined) this.#info = null;
      else {
        this.#info = ErrorInfo.create({
          reason: wellFormed(this.#reason ?? this.code),
          domain: wellFormed(this.#domain ?? ''),
          metadata: Object.fromEntries(
            Object.entries(this.#metadata ?? {}).map(([key, value]) => [wellFormed(key), wellFormed(String(value))]),
          ),
        });
      }
    }
    return this.#info ?? undefined;
  }

  /** For programs: `IDEMPOTENCY_KEY_REUSED`. The code's name where there is no reason. */
  get reason(): string {
    return this.info?.reason ?? this.code;
  }

  /** Who gives the reason its meaning: `hawser`, or the full name of a service. Undefined where nobody said. */
  get domain(): string | undefined {
    return this.#given.some(isErrorInfo) ? this.info?.domain : this.#domain;
  }

  /** The first detail of a type, decoded; undefined when there is none or it does not decode. */
  find<T>(type: string, message: { decode(bytes: Uint8Array): T }): T | undefined {
    const detail = this.#given.find((one) => bareType(one.type) === type);
    if (detail === undefined) return undefined;
    try {
      return message.decode(detail.value);
    } catch {
      return undefined;
    }
  }

  /** The same error with another word on whether the handler ran. */
  withDisposition(disposition: Disposition): RpcError {
    return disposition === this.disposition ? this : this.#copy(disposition, this.#domain, this.#given);
  }

  /** The same error, its reason in another domain; itself where it has no reason. */
  withDomain(domain: string): RpcError {
    const { info } = this;
    if (info === undefined || info.domain === domain) return this;
    const given = this.#given.map((detail) => (isErrorInfo(detail) ? inDomain(detail, domain) : detail));
    return this.#copy(this.disposition, domain, given);
  }

  #copy(disposition: Disposition, domain: string | undefined, details: readonly ErrorDetail[]): RpcError {
    // Neither a stack of its own nor the text of this one's: to write that down costs more than the call.
    const copy = withoutStack(
      () =>
        new RpcError(this.code, this.message, {
          ...(this.#reason === undefined ? {} : { reason: this.#reason }),
          ...(domain === undefined ? {} : { domain }),
          ...(this.#metadata === undefined ? {} : { metadata: this.#metadata }),
          details,
          disposition,
          cause: this.cause,
        }),
    );
    if (this.#own) copy.#own = true;
    if (downstream.has(this)) downstream.add(copy);
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

/** What follows the last slash of a type URL: as such a text a detail travels, and so it is read again. */
function bareType(type: string): string {
  return type.slice(type.lastIndexOf('/') + 1);
}

function isErrorInfo({ type }: ErrorDetail): boolean {
  return bareType(type) === errorInfoType;
}

function inDomain(detail: ErrorDetail, domain: string): ErrorDetail {
  try {
    const info = ErrorInfo.decode(detail.value);
    return { type: detail.type, value: ErrorInfo.encode({ ...info, domain }) };
  } catch {
    return detail; // nobody can read it
  }
}

const downstream = new WeakSet<object>();

/** Marks an error that a client call of ours ended with. Its copies are marked, too. */
export function markDownstream(error: unknown): void {
  if (typeof error === 'object' && error !== null) downstream.add(error);
}

/**
 * Whether an error comes from a call to another service. A handler that lets one escape does not
 * forward it: its code and disposition speak of that service, not of this one.
 */
export function isDownstream(error: unknown): boolean {
  return typeof error === 'object' && error !== null && downstream.has(error);
}

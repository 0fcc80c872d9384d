/**
 * The last good answers of one method, by request, as bytes. Bounded in number, bytes and age. Whose answer it was counts as
 * part of the request: every header but those that differ by their nature, so that no caller gets what was another's.
 */
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';

interface Answer {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly size: number;
}

/** Of one call, not of who makes it. */
const passing = /^(traceparent|tracestate|baggage|x-correlation-id|x-request-id|idempotency-key|grpc-.*|hawser-.*)$/;

export class StaleAnswers {
  readonly #clock: Clock;
  readonly #maxAge: number;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  /** In the order of use. */
  readonly #answers = new Map<string, Answer>();
  #bytes = 0;

  constructor(clock: Clock, maxAge: number, maxEntries: number, maxBytes: number) {
    this.#clock = clock;
    this.#maxAge = maxAge;
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
  }

  /** For a call whose request is encoded. */
  keep(call: Call, response: Uint8Array): void {
    const key = keyOf(call);
    this.#drop(key);
    const size = key.length + response.byteLength;
    if (size > this.#maxBytes) return;
    // A copy: what came from a socket is a window on much more.
    this.#answers.set(key, { bytes: Uint8Array.from(response), at: this.#clock.now(), size });
    this.#bytes += size;
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= this.#maxEntries && this.#bytes <= this.#maxBytes) break;
      this.#drop(oldest);
    }
  }

  of(call: Call): { readonly bytes: Uint8Array; readonly age: number } | undefined {
    const key = keyOf(call);
    const answer = this.#answers.get(key);
    if (answer === undefined) return undefined;
    const age = this.#clock.now() - answer.at;
    if (age <= this.#maxAge) return { bytes: answer.bytes, age };
    this.#drop(key);
    return undefined;
  }

  #drop(key: string): void {
    const answer = this.#answers.get(key);
    if (answer === undefined) return;
    this.#answers.delete(key);
    this.#bytes -= answer.size;
  }
}

function keyOf(call: Call): string {
  const { request } = call;
  const bytes = request as Uint8Array;
  const own = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  if (!call.hasHeaders) return own;
  const headers = [...call.headers]
    .filter(([name]) => !passing.test(name))
    .map(([name, value]) => [name, String(value)]);
  return headers.length === 0 ? own : `${JSON.stringify(headers.sort())}\n${own}`;
}

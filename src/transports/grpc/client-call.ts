/** What attempts of every kind share: who can end them, how a request is framed, why one is not even begun. */
import { Buffer } from 'node:buffer';
import type { Call } from '../../call/call.js';
import { readingOf } from '../../call/clock-reading.js';
import { spentBeforeSent } from '../../call/deadline.js';
import { InFlight } from '../../call/in-flight.js';
import type { RpcError } from '../../call/rpc-error.js';

interface Cancellable {
  cancel(reason: RpcError): void;
}

/** The attempts in flight of one client. */
export class Attempts extends InFlight<Cancellable> {
  #onEmpty: (() => void) | undefined;

  constructor(readonly address: string) {
    super();
  }

  /** Runs `fn` once, when none is left. */
  onEmpty(fn: () => void): void {
    this.#onEmpty = fn;
  }

  override remove(place: number, attempt: Cancellable): boolean {
    const had = super.remove(place, attempt);
    if (this.size === 0 && this.#onEmpty !== undefined) {
      this.#onEmpty();
      this.#onEmpty = undefined;
    }
    return had;
  }
}

/** Why a call is not even begun, if there is a reason. */
export function refusal(call: Call): RpcError | undefined {
  if (call.aborted !== undefined) return call.aborted;
  const { deadline } = call;
  return deadline?.isSpent(readingOf(call, deadline.clock)) === true ? spentBeforeSent(call.method.path) : undefined;
}

/** A message with its prefix. Source: gRPC over HTTP/2, "Length-Prefixed-Message". */
export function framed(message: Uint8Array, flag = 0): Buffer {
  const frame = Buffer.allocUnsafe(5 + message.byteLength);
  frame[0] = flag;
  frame.writeUInt32BE(message.byteLength, 1);
  frame.set(message, 5);
  return frame;
}

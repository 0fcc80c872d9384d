/**
 * Calls that there is no room for. A refusal must cost a small part of an answer, so its EXCEPTION is made once for all calls of
 * a name, and a call of what was refused just before is known by its first bytes: nothing else of it is looked at.
 */
import type { Refusal } from '../../call/transport.js';
import { writeMessage } from '../../contract/thrift/message.js';
import { TMessageType } from '../../contract/thrift/protocol.js';
import { type Envelope, hasHeaders } from './envelope.js';
import type { FrameReader } from './frame-reader.js';
import type { Incoming } from './incoming.js';
import type { Outbox, Template } from './outbox.js';
import type { ReplyQueue } from './reply-queue.js';
import type { Found } from './routes.js';
import { type ExchangeContext, encodeRefusal, Unopened } from './server-exchange.js';

export class TurnedAway {
  readonly #replies: ReplyQueue;
  readonly #outbox: Outbox;
  readonly #context: ExchangeContext;
  /** By the name on the wire, which is a method's, so there are not many. */
  readonly #known = new Map<string, Known>();
  #last: Known | undefined;
  /** What can be read of a request without headers. */
  readonly #bare: Unopened;

  constructor(replies: ReplyQueue, outbox: Outbox, context: ExchangeContext) {
    this.#replies = replies;
    this.#outbox = outbox;
    this.#context = context;
    this.#bare = new Unopened(undefined, context);
  }

  /** Answers a call if there is no room for it. A oneway one goes without a word: a line of log for each would be work, too. */
  take(message: Incoming, found: Found, now: number): boolean {
    const { headers, envelope, name, type, sequenceId } = message;
    const request = headers === undefined ? this.#bare : new Unopened(headers, this.#context);
    const refusal = found.route.refuse?.(request, now);
    if (refusal === undefined) return false;
    if (type === TMessageType.ONEWAY) return true;
    // Compact's sequence numbers differ in length, and what waits behind an earlier answer is kept apart.
    if (this.#replies.size > 0 || envelope.protocol !== 'binary' || hasHeaders(envelope)) {
      this.#replies.fill(this.#replies.reserve(), encodeRefusal(refusal, found.name, message, this.#context));
      return true;
    }
    let known = this.#known.get(name);
    if (known === undefined) {
      known = new Known(name, found, envelope);
      this.#known.set(name, known);
    }
    this.#last = known;
    this.#outbox.putCopy(known.template(refusal, this.#context), sequenceId);
    return true;
  }

  /** Answers the next message, unread, if it calls what was refused last and there is no room for it either. */
  takeNext(reader: FrameReader, now: number): boolean {
    const known = this.#last;
    if (known === undefined || this.#replies.size > 0 || !reader.nextBegins(known.opening)) return false;
    const refusal = known.found.route.refuse?.(this.#bare, now);
    if (refusal === undefined) {
      this.#last = undefined;
      return false;
    }
    this.#outbox.putCopy(known.template(refusal, this.#context), reader.skipNext(known.opening));
    return true;
  }
}

/** A method that was refused, as one connection calls it. */
class Known {
  readonly found: Found;
  /** What a frame begins with that calls it, up to the sequence number. */
  readonly opening: Uint8Array;
  readonly #envelope: Envelope;
  #refusal: Refusal | undefined;
  #template: Template | undefined;

  constructor(wireName: string, found: Found, envelope: Envelope) {
    this.found = found;
    this.opening = writeMessage('binary', wireName, TMessageType.CALL, 0, new Uint8Array()).subarray(0, -4);
    this.#envelope = envelope;
  }

  template(refusal: Refusal, context: ExchangeContext): Template {
    if (this.#template === undefined || refusal !== this.#refusal) {
      const { name } = this.found;
      const envelope = this.#envelope;
      const bytes = encodeRefusal(refusal, name, { envelope, sequenceId: 0 }, context);
      this.#refusal = refusal;
      this.#template = { bytes, at: (envelope.layers === 'unframed' ? 0 : 4) + 8 + Buffer.byteLength(name) };
    }
    return this.#template;
  }
}

/**
 * Messages that no call is made of: what cannot be served, what there is no room for, and the hello of a client. Each is
 * answered in its turn like any other, but for a oneway message, which is answered by nothing, whatever is wrong with it.
 */
import type { RpcError } from '../../call/rpc-error.js';
import type { Refusal } from '../../call/transport.js';
import type { ApplicationFault } from '../../contract/thrift/application-exception.js';
import { TMessageType } from '../../contract/thrift/protocol.js';
import { refusal } from './application-errors.js';
import { type Envelope, hasHeaders } from './envelope.js';
import type { Incoming } from './incoming.js';
import { decodeHello, introductionMethod } from './introduction.js';
import type { Outbox } from './outbox.js';
import type { ReplyQueue } from './reply-queue.js';
import { answerName } from './routes.js';
import { type ExchangeContext, encodeException, encodeIntroduced, encodeRefusal } from './server-exchange.js';
import type { FrameRefused } from './wire-error.js';

/** An EXCEPTION that is the same for all calls of one name but for the sequence number at `at`. */
interface Template {
  readonly bytes: Buffer;
  readonly at: number;
}

export class Uncalled {
  readonly #replies: ReplyQueue;
  readonly #outbox: Outbox;
  readonly #context: ExchangeContext;
  readonly #warn: (sentence: string) => void;
  /** By the name of the method, for the refusal and the envelope that were the last. */
  readonly #templates = new Map<string, Template>();
  #refusal: Refusal | undefined;
  #envelope: Envelope | undefined;

  constructor(replies: ReplyQueue, outbox: Outbox, context: ExchangeContext, warn: (sentence: string) => void) {
    this.#replies = replies;
    this.#outbox = outbox;
    this.#context = context;
    this.#warn = warn;
  }

  refuse(message: Incoming, error: RpcError, type?: ApplicationFault): void {
    if (message.type === TMessageType.ONEWAY) {
      this.#warn(`a oneway call of ${JSON.stringify(message.name)} was refused: ${error.message}`);
      return;
    }
    const name = answerName(message.name);
    this.#answer(encodeException(error, undefined, name, message, this.#context, type));
  }

  /** There is no room for the call; a oneway one goes without a word, since a line of log for each would be work, too. */
  turnAway(message: Incoming, name: string, refusal: Refusal): void {
    if (message.type === TMessageType.ONEWAY) return;
    const { envelope, sequenceId } = message;
    // Compact's sequence numbers differ in length, and what waits behind an earlier answer is kept apart.
    if (this.#replies.size > 0 || envelope.protocol !== 'binary' || hasHeaders(envelope)) {
      this.#answer(encodeRefusal(refusal, name, message, this.#context));
      return;
    }
    const { bytes, at } = this.#template(refusal, name, message);
    this.#outbox.putCopy(bytes, at, sequenceId);
  }

  /** `name` is a method's, so there are not many. */
  #template(refusal: Refusal, name: string, message: Incoming): Template {
    if (refusal !== this.#refusal || message.envelope !== this.#envelope) {
      this.#templates.clear();
      this.#refusal = refusal;
      this.#envelope = message.envelope;
    }
    let template = this.#templates.get(name);
    if (template === undefined) {
      const bytes = encodeRefusal(refusal, name, message, this.#context);
      const prefix = message.envelope.layers === 'unframed' ? 0 : 4;
      template = { bytes, at: prefix + 8 + Buffer.byteLength(name) };
      this.#templates.set(name, template);
    }
    return template;
  }

  /** A frame whose message was never seen. */
  refuseFrame({ type, sequenceId, message: sentence }: FrameRefused, layers: 'framed-header' | 'header'): void {
    const envelope = { layers, protocol: 'binary', zlib: false } as const;
    const message = {
      envelope,
      headers: undefined,
      name: '',
      type: TMessageType.CALL,
      sequenceId,
      body: Buffer.alloc(0),
    };
    this.#warn(`a THeader frame was refused: ${sentence}`);
    this.refuse(message, refusal(type, sentence), type);
  }

  /**
   * The hello, when the message is one and was answered. Looked for among the methods that do not exist, so that calls of
   * others pay nothing for it.
   */
  introduced(message: Incoming): string | undefined {
    const name = answerName(message.name);
    if (name !== introductionMethod || message.type !== TMessageType.CALL) return undefined;
    const { dispatcher } = this.#context;
    const hello = helloIn(message);
    const answer = hello === undefined ? undefined : dispatcher.introduce?.(hello);
    if (answer === undefined) return undefined;
    this.#answer(encodeIntroduced(answer, name, message, this.#context));
    return hello;
  }

  #answer(bytes: Buffer): void {
    this.#replies.fill(this.#replies.reserve(), bytes);
  }
}

/** Undefined for arguments that cannot be read, as for none. */
function helloIn({ body, envelope }: Incoming): string | undefined {
  try {
    return decodeHello(body, envelope.protocol);
  } catch {
    return undefined;
  }
}

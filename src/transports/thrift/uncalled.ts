/**
 * Messages that no call is made of: what cannot be served, and the hello of a client. Each is answered in its turn like any
 * other, but for a oneway message, which is answered by nothing, whatever is wrong with it.
 */
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { ApplicationFault } from '../../contract/thrift/application-exception.js';
import { TMessageType } from '../../contract/thrift/protocol.js';
import { refusal } from './application-errors.js';
import { type Incoming, openMessage } from './incoming.js';
import { decodeHello, introductionMethod } from './introduction.js';
import { defaultLimits } from './limits.js';
import type { ReplyQueue } from './reply-queue.js';
import { answerName } from './routes.js';
import { type ExchangeContext, encodeException, encodeIntroduced } from './server-exchange.js';
import type { FrameRefused, MessageTooLong } from './wire-error.js';

export class Uncalled {
  readonly #replies: ReplyQueue;
  readonly #context: ExchangeContext;
  readonly #warn: (sentence: string) => void;

  constructor(replies: ReplyQueue, context: ExchangeContext, warn: (sentence: string) => void) {
    this.#replies = replies;
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

  /** A message above the limit, of which the beginning has come: who asked is told, before the connection ends. */
  refuseLong({ opening, framed, message: sentence }: MessageTooLong): void {
    const message = openingOfCall(opening, framed);
    if (message !== undefined) {
      this.refuse(message, ownError('MESSAGE_TOO_LARGE', `the server refuses the request: ${sentence}`, refused));
    }
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

const refused = { disposition: 'not-executed' } as const;

/** What an answer needs to know of a call that has come in part; undefined where that is not Thrift, or not there yet. */
function openingOfCall(opening: Buffer, framed: boolean): Incoming | undefined {
  if (opening.length < 12) return undefined;
  const word = opening.readUInt32BE(0);
  const type = TMessageType.CALL;
  if (word >>> 16 === 0x0fff) {
    const envelope = { layers: 'header', protocol: 'binary', zlib: false } as const;
    // Its own header says in which protocol; an answer without a name is taken for that of the first call that waits.
    return { envelope, headers: undefined, name: '', type, sequenceId: opening.readInt32BE(4), body: opening };
  }
  const protocol = word >>> 16 === 0x8001 ? 'binary' : word >>> 24 === 0x82 ? 'compact' : undefined;
  if (protocol === undefined) return undefined;
  try {
    const opened = openMessage(opening, protocol, framed, { limits: defaultLimits, zlib: false });
    return 'name' in opened ? opened : undefined;
  } catch {
    return undefined;
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

/**
 * The layers around a message's body, outermost first: frame or none, THeader or none, message
 * header. An answer goes out in the layers that its request came in.
 */
import type { HeaderMap } from '../../call/headers.js';
import { writeMessage } from '../../contract/thrift/message.js';
import type { TMessageType } from '../../contract/thrift/protocol.js';
import { deflateLarge, mostAtOnce } from './inflation.js';
import type { ConnectionLimits } from './limits.js';
import type { ThriftProtocol } from './sniff.js';
import { encodeHeaderFrame } from './theader.js';

export interface Envelope {
  readonly layers: 'framed' | 'unframed' | 'header' | 'framed-header';
  readonly protocol: ThriftProtocol;
  /** THeader only. */
  readonly zlib: boolean;
}

export interface OutgoingMessage {
  readonly name: string;
  readonly type: TMessageType;
  readonly sequenceId: number;
  readonly body: Uint8Array;
  /** THeader only; other wires carry none. */
  readonly headers: HeaderMap | undefined;
}

/**
 * The bytes of a message as they go to the socket. Throws a RangeError when they are over a limit. A large one is not compressed,
 * as it would hold up the event loop; `encodeAside` does that.
 */
export function encodeEnvelope(envelope: Envelope, message: OutgoingMessage, limits: ConnectionLimits): Buffer {
  const { layers, protocol, zlib } = envelope;
  const { name, type, sequenceId, body, headers } = message;
  if (hasHeaders(envelope)) {
    const bytes = writeMessage(protocol, name, type, sequenceId, body);
    const small = bytes.length <= mostAtOnce;
    const frame = encodeHeaderFrame({ protocol, zlib: zlib && small, sequenceId, headers }, bytes, limits);
    return layers === 'header' ? frame : framed(frame);
  }
  // The frame's length goes in front of the message in the same piece of memory.
  const prefix = layers === 'unframed' ? 0 : 4;
  const bytes = writeMessage(protocol, name, type, sequenceId, body, prefix);
  const length = bytes.length - prefix;
  if (length > limits.maxFrameBytes) {
    throw new RangeError(`the message has ${length} bytes; the limit is ${limits.maxFrameBytes} (maxFrameBytes)`);
  }
  if (prefix > 0) bytes.writeInt32BE(length, 0);
  return bytes;
}

/** Whether a message is to be compressed and too large for that to be done at once. */
export function isLarge(envelope: Envelope, body: Uint8Array): boolean {
  return envelope.zlib && body.length > mostAtOnce && hasHeaders(envelope);
}

/** As `encodeEnvelope`, for a message that is large: `done` gets the bytes, or why there are none. */
export function encodeAside(
  envelope: Envelope,
  { name, type, sequenceId, body, headers }: OutgoingMessage,
  limits: ConnectionLimits,
  done: (bytes: Buffer | Error) => void,
): void {
  const { layers, protocol } = envelope;
  const message = writeMessage(protocol, name, type, sequenceId, body);
  deflateLarge(message, (error, payload) => {
    if (error !== null) return done(error);
    let frame: Buffer;
    try {
      frame = encodeHeaderFrame({ protocol, zlib: true, sequenceId, headers }, message, limits, payload);
    } catch (fault) {
      return done(fault instanceof Error ? fault : new Error(String(fault)));
    }
    done(layers === 'header' ? frame : framed(frame));
  });
}

/** Whether the envelope has a place for headers. */
export function hasHeaders({ layers }: Envelope): boolean {
  return layers === 'header' || layers === 'framed-header';
}

function framed(bytes: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(4 + bytes.length);
  frame.writeInt32BE(bytes.length, 0);
  frame.set(bytes, 4);
  return frame;
}

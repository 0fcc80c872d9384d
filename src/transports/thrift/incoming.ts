/** A message as it came to a server, its layers taken off. */
import type { HeaderMap } from '../../call/headers.js';
import { readMessageHeader } from '../../contract/thrift/message.js';
import { ThriftProtocolError } from '../../contract/thrift/protocol-error.js';
import type { Envelope } from './envelope.js';
import type { FrameKind, ThriftProtocol } from './sniff.js';
import { decodeHeaderFrame, type HeaderFrame, type HeaderOptions, inflatePayload } from './theader.js';
import { FrameRefused, WireError } from './wire-error.js';

export interface Incoming {
  readonly envelope: Envelope;
  readonly headers: HeaderMap | undefined;
  /** As on the wire, `Service:method` where services are multiplexed. */
  readonly name: string;
  /** A TMessageType, or a number that is none. */
  readonly type: number;
  readonly sequenceId: number;
  /** The args or result struct; a view. */
  readonly body: Buffer;
}

const framedEnvelopes: Readonly<Record<ThriftProtocol, Envelope>> = {
  binary: { layers: 'framed', protocol: 'binary', zlib: false },
  compact: { layers: 'framed', protocol: 'compact', zlib: false },
};
const bareEnvelopes: Readonly<Record<ThriftProtocol, Envelope>> = {
  binary: { layers: 'unframed', protocol: 'binary', zlib: false },
  compact: { layers: 'unframed', protocol: 'compact', zlib: false },
};

/** A message whose payload is too large to be inflated at once. */
export class Compressed {
  readonly #frame: HeaderFrame;
  readonly #layers: 'header' | 'framed-header';
  readonly #options: HeaderOptions;

  constructor(frame: HeaderFrame, layers: 'header' | 'framed-header', options: HeaderOptions) {
    this.#frame = frame;
    this.#layers = layers;
    this.#options = options;
  }

  /** `done` gets the message, or the FrameRefused or WireError that it comes to. */
  inflate(done: (message: Incoming | FrameRefused | WireError) => void): void {
    const { protocol, zlib, headers } = this.#frame;
    inflatePayload(this.#frame, this.#options.limits, (bytes) => {
      if (bytes instanceof FrameRefused) {
        done(bytes);
        return;
      }
      let message: Incoming;
      try {
        message = opened(bytes, { layers: this.#layers, protocol, zlib }, headers);
      } catch (error) {
        done(error instanceof WireError ? error : new WireError(String(error), { cause: error }));
        return;
      }
      done(message);
    });
  }
}

/** Throws a FrameRefused or a WireError. */
export function openMessage(
  frame: Buffer,
  kind: FrameKind,
  framed: boolean,
  options: HeaderOptions,
): Incoming | Compressed {
  if (kind !== 'header' && kind !== 'framed-header') {
    return opened(frame, (framed ? framedEnvelopes : bareEnvelopes)[kind], undefined);
  }
  const header = decodeHeaderFrame(kind === 'header' ? frame : frame.subarray(4), options);
  if (header.compressed) return new Compressed(header, kind, options);
  const { protocol, zlib, headers, payload } = header;
  return opened(payload, { layers: kind, protocol, zlib }, headers);
}

function opened(message: Buffer, envelope: Envelope, headers: HeaderMap | undefined): Incoming {
  try {
    const { name, type, seqid, bodyOffset } = readMessageHeader(message, envelope.protocol);
    return new Opened(envelope, headers, name, type, seqid, message, bodyOffset);
  } catch (error) {
    // Without a message header there is nothing that an answer could be matched by.
    if (error instanceof ThriftProtocolError) throw new WireError(error.message, { cause: error });
    throw error;
  }
}

/** The body is looked for when it is asked for: a call that is refused has no use for it. */
class Opened implements Incoming {
  readonly envelope: Envelope;
  readonly headers: HeaderMap | undefined;
  readonly name: string;
  readonly type: number;
  readonly sequenceId: number;
  readonly #message: Buffer;
  readonly #bodyOffset: number;

  constructor(
    envelope: Envelope,
    headers: HeaderMap | undefined,
    name: string,
    type: number,
    sequenceId: number,
    message: Buffer,
    bodyOffset: number,
  ) {
    this.envelope = envelope;
    this.headers = headers;
    this.name = name;
    this.type = type;
    this.sequenceId = sequenceId;
    this.#message = message;
    this.#bodyOffset = bodyOffset;
  }

  get body(): Buffer {
    return this.#message.subarray(this.#bodyOffset);
  }
}

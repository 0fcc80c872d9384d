/**
 * gzip of responses. grpc-js cannot do it (its server always writes the flag 0: "response
 * compression is currently not supported"), but it asks our serializer for the bytes, and copies
 * them in behind the flag: whoever copies may set it. A message here has just what grpc-js
 * uses of a Buffer, so a release that does it otherwise fails loudly instead of sending zipped
 * bytes marked as plain.
 */
import { zipped } from './gzip.js';

/** Below this many bytes a message is sent as it is: the gzip frame would eat the gain. */
const smallest = 1024;

export class GzippedMessage {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  /** Called once by grpc-js, with the frame: flag (1 byte), length (4), then the message at `at`. */
  copy(frame: Buffer, at: number): number {
    if (at !== 5 || frame.byteLength !== at + this.#bytes.byteLength) {
      throw new Error('this version of @grpc/grpc-js frames messages in a way that gzip of responses does not know');
    }
    frame[0] = 1;
    return this.#bytes.copy(frame, at);
  }
}

/** What is handed to grpc-js: a message, or one that is compressed. */
export type Outgoing = Buffer | GzippedMessage;

/** `bytes` compressed; as they are when that would not make them smaller. */
export function compressed(bytes: Buffer): Promise<Outgoing> | Outgoing {
  if (bytes.byteLength < smallest) return bytes;
  const smaller = zipped(bytes);
  return Buffer.isBuffer(smaller) ? lesser(smaller, bytes) : smaller.then((one) => lesser(one, bytes));
}

function lesser(smaller: Buffer, bytes: Buffer): Outgoing {
  return smaller.byteLength < bytes.byteLength ? new GzippedMessage(smaller) : bytes;
}

/** Headers and trailers as grpc-js gives them. */
import type { Metadata, StatusObject } from '@grpc/grpc-js';
import type { HeaderMap } from '../call/headers.js';
import { encodeMessage } from '../transports/grpc/grpc-message.js';
import { bytesOf, headersOf } from '../transports/grpc/metadata.js';
import type { ReceivedHeaders } from '../transports/grpc/received-headers.js';

export class MetadataHeaders implements ReceivedHeaders {
  /** grpc-js hands on none but 200. */
  readonly status = 200;
  readonly #metadata: Metadata;
  /** What grpc-js took out of the trailers. */
  readonly #own: Readonly<Record<string, string>>;

  constructor(metadata: Metadata, status?: StatusObject) {
    this.#metadata = metadata;
    this.#own =
      status === undefined ? {} : { 'grpc-status': String(status.code), 'grpc-message': encodeMessage(status.details) };
  }

  get(name: string): readonly string[] {
    const own = this.#own[name];
    if (own !== undefined) return [own];
    return this.#metadata.get(name).filter((value) => typeof value === 'string');
  }

  text(name: string): string | undefined {
    return this.get(name)[0];
  }

  bytes(name: string): Uint8Array | undefined {
    return bytesOf(this.#metadata, name);
  }

  readonly map = (): HeaderMap => headersOf(this.#metadata);
}

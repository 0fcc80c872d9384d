/** Headers of a response, looked at one by one, or made a map of when a caller asks for all. This file has node:http2's. */
import type { IncomingHttpHeaders } from 'node:http2';
import { HeaderMap, type HeaderValue } from '../../call/headers.js';
import { isPrivate } from './metadata.js';

export interface ReceivedHeaders {
  /** The HTTP status; 0 when there is none. */
  readonly status: number;
  /** The text values of a header. */
  get(name: string): readonly string[];
  /** The value of a text header that is sent once. */
  text(name: string): string | undefined;
  /** The first value of a `-bin` header. */
  bytes(name: string): Uint8Array | undefined;
  /** A value that no HeaderMap may hold is left out. */
  readonly map: () => HeaderMap;
}

export class NodeHeaders implements ReceivedHeaders {
  readonly #parsed: IncomingHttpHeaders;
  /** Name, value, name, value: with what was sent twice. */
  readonly #raw: readonly string[];

  constructor(parsed: IncomingHttpHeaders, raw: readonly string[] = []) {
    this.#parsed = parsed;
    this.#raw = raw;
  }

  get status(): number {
    return Number(this.#parsed[':status'] ?? 0);
  }

  get(name: string): readonly string[] {
    const value = this.#parsed[name];
    if (value === undefined) return none;
    return typeof value === 'string' ? [value] : value;
  }

  text(name: string): string | undefined {
    const value = this.#parsed[name];
    return typeof value === 'string' ? value : value?.[0];
  }

  bytes(name: string): Uint8Array | undefined {
    const [first] = this.text(name)?.split(',', 1) ?? [];
    return first === undefined ? undefined : Buffer.from(first, 'base64');
  }

  readonly map = (): HeaderMap => {
    const headers = new HeaderMap();
    for (let i = 0; i < this.#raw.length; i += 2) {
      const name = this.#raw[i] as string;
      const value = this.#raw[i + 1] as string;
      if (name.startsWith(':') || isPrivate(name)) continue;
      if (!name.endsWith('-bin')) appendReceived(headers, name, value);
      else for (const one of value.split(',')) appendReceived(headers, name, Buffer.from(one, 'base64'));
    }
    return headers;
  };
}

const none: readonly string[] = [];

/** A peer's mistake in one header is no reason to refuse the call. */
export function appendReceived(headers: HeaderMap, name: string, value: HeaderValue): void {
  try {
    headers.append(name, value);
  } catch {
    // Left out.
  }
}

/** Headers of a response as the engine decodes them. */
import { HeaderMap } from '../../../call/headers.js';
import type { HeaderList } from '../../../http2/header-list.js';
import { isPrivate } from '../metadata.js';
import { appendReceived, type ReceivedHeaders } from '../received-headers.js';

export class ListedHeaders implements ReceivedHeaders {
  readonly #list: HeaderList;

  constructor(list: HeaderList) {
    this.#list = list;
  }

  get status(): number {
    return this.#list.status;
  }

  get(name: string): readonly string[] {
    return this.#list.getAll(name);
  }

  text(name: string): string | undefined {
    return this.#list.get(name);
  }

  bytes(name: string): Uint8Array | undefined {
    const [first] = this.#list.get(name)?.split(',', 1) ?? [];
    return first === undefined ? undefined : Buffer.from(first, 'base64');
  }

  readonly map = (): HeaderMap => {
    const headers = new HeaderMap();
    for (const { name, value } of this.#list.fields) {
      if (isPrivate(name)) continue;
      if (!name.endsWith('-bin')) appendReceived(headers, name, value);
      else for (const one of value.split(',')) appendReceived(headers, name, Buffer.from(one, 'base64'));
    }
    return headers;
  };
}

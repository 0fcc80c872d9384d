/** A method of one client. Its pipeline is put together on the first call: most clients call few methods of a service. */
import type { HeaderMap } from '../call/headers.js';
import type { Handler } from '../call/interceptor.js';
import type { Encoding } from '../contract/codec.js';
import type { MethodType } from '../contract/method.js';
import type { Bound } from './invoke.js';

/** What the methods of one client have in common. */
export interface Binding {
  readonly encoding: Encoding;
  readonly headers: HeaderMap | undefined;
  compose(method: MethodType): Handler;
  carriesHeaders(): boolean;
}

export class BoundMethod implements Bound {
  readonly method: MethodType;
  readonly #binding: Binding;
  #handler: Handler | undefined;

  constructor(method: MethodType, binding: Binding) {
    this.method = method;
    this.#binding = binding;
  }

  get handler(): Handler {
    this.#handler ??= this.#binding.compose(this.method);
    return this.#handler;
  }

  get encoding(): Encoding {
    return this.#binding.encoding;
  }

  get headers(): HeaderMap | undefined {
    return this.#binding.headers;
  }

  get carriesHeaders(): boolean {
    return this.#binding.carriesHeaders();
  }
}

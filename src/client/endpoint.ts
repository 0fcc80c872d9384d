/** One address of a client: its transport, what is on its way there, and whether it is worth it. */
import type { Lease } from '../call/attachments.js';
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import type { Handler } from '../call/interceptor.js';
import type { ClientTransport } from '../call/transport.js';
import type { MethodType } from '../contract/method.js';
import { type Breaker, outcomeOf } from '../interceptors/breaker.js';

/** ms; so long an attempt that was given up for being slow still counts as on its way. */
const hold = 1_000;

export class Endpoint {
  readonly transport: ClientTransport;
  readonly address: string;
  readonly breaker: Breaker | undefined;
  readonly #clock: Clock;
  readonly #handlers = new Map<MethodType, Handler>();
  #inFlight = 0;
  #onIdle: (() => void) | undefined;
  /** When the attempts that were given up stop counting, in order. */
  #held: number[] = [];

  constructor(transport: ClientTransport, address: string, breaker: Breaker | undefined, clock: Clock) {
    this.transport = transport;
    this.address = address;
    this.breaker = breaker;
    this.#clock = clock;
  }

  /**
   * Attempts on their way. Those given up for being slow count for a while longer: otherwise
   * giving up on a slow server would make it look idle, and draw the next call to it.
   */
  get load(): number {
    if (this.#held.length > 0) {
      const now = this.#clock.now();
      let gone = 0;
      while (gone < this.#held.length && (this.#held[gone] as number) <= now) gone += 1;
      if (gone > 0) this.#held.splice(0, gone);
    }
    return this.#inFlight + this.#held.length;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get admits(): boolean {
    return this.breaker === undefined || this.breaker.admits;
  }

  send(method: MethodType, call: Call): Promise<unknown> {
    let handler = this.#handlers.get(method);
    if (handler === undefined) {
      handler = this.transport.bind(method);
      this.#handlers.set(method, handler);
    }
    return handler(call);
  }

  /** For one attempt. Whoever made the attempt reports on it and releases it. */
  lease(onFailure: (error: unknown) => void): EndpointLease {
    this.#inFlight += 1;
    return new EndpointLease(this, this.breaker?.begin() === true, onFailure);
  }

  /** Runs `fn` once no attempt is on its way there, at once if none is. */
  onIdle(fn: () => void): void {
    if (this.#inFlight === 0) fn();
    else this.#onIdle = fn;
  }

  release(abandoned: boolean): void {
    this.#inFlight -= 1;
    if (abandoned) this.#held.push(this.#clock.now() + hold);
    if (this.#inFlight === 0) this.#onIdle?.();
  }
}

export class EndpointLease implements Lease {
  readonly endpoint: Endpoint;
  readonly #probe: boolean;
  readonly #onFailure: (error: unknown) => void;
  #reported = false;
  #released = false;

  constructor(endpoint: Endpoint, probe: boolean, onFailure: (error: unknown) => void) {
    this.endpoint = endpoint;
    this.#probe = probe;
    this.#onFailure = onFailure;
  }

  get address(): string {
    return this.endpoint.address;
  }

  report(error: unknown, hadTime: boolean): void {
    if (this.#reported) return;
    this.#reported = true;
    const outcome = outcomeOf(error, hadTime);
    this.endpoint.breaker?.record(outcome, this.#probe);
    if (outcome === 'failure') this.#onFailure(error);
  }

  release(abandoned: boolean): void {
    if (this.#released) return;
    this.#released = true;
    // An attempt that nobody reported on must not leave a breaker waiting for its probe.
    if (!this.#reported) this.endpoint.breaker?.record('neutral', this.#probe);
    this.endpoint.release(abandoned);
  }
}

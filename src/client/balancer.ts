/**
 * Which server an attempt goes to. Of two picked at random the one with fewer calls on their way: nearly as good
 * as knowing all, without the herd that runs to the idlest. A retry or a hedge goes where this call has not
 * been; an address whose breaker is open gets nothing.
 * Rule: Mitzenmacher, The Power of Two Choices in Randomized Load Balancing.
 */
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import type { Handler } from '../call/interceptor.js';
import { ownError } from '../call/own-error.js';
import type { Random } from '../call/random.js';
import { isRpcError, type RpcError } from '../call/rpc-error.js';
import type { ClientTransport } from '../call/transport.js';
import type { Encoding } from '../contract/codec.js';
import type { MethodType } from '../contract/method.js';
import { Breaker, type BreakerTerms } from '../interceptors/breaker.js';
import type { ClientEventHub } from '../interceptors/client-events.js';
import { Endpoint, type EndpointLease } from './endpoint.js';
import type { AddressSource } from './resolver.js';
import type { AddressStatus } from './types.js';

export interface BalancerInit {
  readonly encoding: Encoding;
  /** For messages to people. */
  readonly address: string;
  readonly source: AddressSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: ClientEventHub;
  /** Undefined: no breakers. */
  readonly breaker: BreakerTerms | undefined;
  /** Stands around the transport of each address. */
  readonly around?: (transport: ClientTransport, address: string) => ClientTransport;
}

/** ms; calls on their way to an address that is no longer one may end within this. */
const farewell = 30_000;

export class Balancer implements ClientTransport {
  readonly encoding: Encoding;
  readonly address: string;
  readonly #init: BalancerInit;
  #endpoints: readonly Endpoint[] = [];
  /** Are no addresses any more, and have calls on their way; each with what keeps it from being closed at last. */
  readonly #leaving = new Map<Endpoint, () => void>();
  /** Whether one of the endpoints does, or may. */
  #mayCarryHeaders = true;
  #closed = false;

  constructor(init: BalancerInit) {
    this.encoding = init.encoding;
    this.address = init.address;
    this.#init = init;
    init.source.follow((targets) => this.#change(targets));
  }

  /** Of all addresses. Before they are known only gRPC is sure to. */
  get carriesHeaders(): boolean {
    if (this.#endpoints.length === 0) return this.encoding === 'proto';
    return this.#endpoints.every(({ transport }) => transport.carriesHeaders !== false);
  }

  /** Of any address; also before they are known. */
  get mayCarryHeaders(): boolean {
    return this.#mayCarryHeaders;
  }

  status(): readonly AddressStatus[] {
    return this.#endpoints.map(({ address, inFlight, breaker }) => ({
      address,
      inFlight,
      breaker: breaker?.state.kind ?? 'closed',
    }));
  }

  bind(method: MethodType): Handler {
    return (call) => {
      if (this.#endpoints.length > 0) return this.#send(method, call);
      return this.#resolved(call).then(() => this.#send(method, call));
    };
  }

  /** Whether an address is left that this call has not been to and that may be sent to. */
  elsewhere(call: Call): boolean {
    const { tried } = call;
    return this.#endpoints.some((one) => one.admits && !wasTried(tried, one));
  }

  /** Those that may be sent to. When that would be too few of all, breakers are not listened to. */
  #usable(): readonly Endpoint[] {
    const endpoints = this.#endpoints;
    const usable = endpoints.filter((one) => one.admits);
    const least = endpoints.length * (1 - (this.#init.breaker?.maxEjected ?? 1));
    return usable.length < least ? endpoints : usable;
  }

  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    this.#init.source.close();
    for (const cancel of this.#leaving.values()) cancel();
    await Promise.all([...this.#endpoints, ...this.#leaving.keys()].map((one) => one.transport.close(graceMs)));
  }

  #send(method: MethodType, call: Call): Promise<unknown> {
    const origin = call.outer ?? call;
    const endpoint = this.#pick(origin.tried);
    if (endpoint === undefined) return Promise.reject(this.#refuse(method));
    const lease = endpoint.lease(this.#onFailure);
    call.lease = lease;
    if (origin.tried === undefined) origin.tried = [lease];
    else origin.tried.push(lease);
    return endpoint.send(method, call);
  }

  /** An address that cannot be reached may have moved. */
  readonly #onFailure = (error: unknown): void => {
    if (isRpcError(error) && error.code === 'UNAVAILABLE') this.#init.source.refresh();
  };

  #pick(tried: Call['tried']): Endpoint | undefined {
    const endpoints = this.#endpoints;
    const { random } = this.#init;
    const count = endpoints.length;
    if (tried === undefined && count > 1) {
      const i = Math.floor(random.next() * count);
      let j = Math.floor(random.next() * (count - 1));
      if (j >= i) j += 1;
      const a = endpoints[i] as Endpoint;
      const b = endpoints[j] as Endpoint;
      if (a.admits && b.admits) return lighter(a, b);
      // One of the two is out of use: choose among those that are not.
    }
    const usable = this.#usable();
    const fresh = tried === undefined ? usable : usable.filter((one) => !wasTried(tried, one));
    if (fresh.length > 0) return this.#choose(fresh);
    // All were tried: the one that was tried longest ago has had the most time to recover.
    for (const lease of tried ?? []) {
      const { endpoint } = lease as EndpointLease;
      if (usable.includes(endpoint) && lastTried(tried, endpoint) === lease) return endpoint;
    }
    return undefined;
  }

  #choose(from: readonly Endpoint[]): Endpoint {
    const { random } = this.#init;
    const i = Math.floor(random.next() * from.length);
    if (from.length === 1) return from[0] as Endpoint;
    let j = Math.floor(random.next() * (from.length - 1));
    if (j >= i) j += 1;
    return lighter(from[i] as Endpoint, from[j] as Endpoint);
  }

  #refuse(method: MethodType): RpcError {
    const error = this.#closed
      ? ownError('CLIENT_CLOSED', 'the client is closed', { disposition: 'not-executed' })
      : ownError(
          'BREAKER_OPEN',
          `no address of ${this.address} is in use: the breaker of ${this.#endpoints.map((one) => one.address).join(', ')} is open`,
          { disposition: 'not-executed' },
        );
    const { events } = this.#init;
    if (events.wants('discarded')) events.emit('discarded', { method, stage: 'pick', error });
    return error;
  }

  /** Waits for the first addresses, no longer than the call lasts. */
  #resolved(call: Call): Promise<void> {
    if (this.#closed) return Promise.reject(this.#refuse(call.method));
    return new Promise((resolve, reject) => {
      const remove = call.onAbort(reject);
      this.#init.source.first().then(
        () => {
          remove();
          if (call.aborted === undefined && !call.finished) resolve();
        },
        (error: unknown) => {
          remove();
          reject(error);
        },
      );
    });
  }

  /** New addresses: those that stay keep their connections, loads and breakers. */
  #change(targets: ReadonlyMap<string, () => ClientTransport>): void {
    if (this.#closed) return;
    const before = new Map(this.#endpoints.map((one) => [one.address, one]));
    const after: Endpoint[] = [];
    const added: string[] = [];
    for (const [address, connect] of targets) {
      const known = before.get(address);
      if (known === undefined) added.push(address);
      after.push(known ?? this.#endpoint(address, connect()));
      before.delete(address);
    }
    this.#endpoints = after;
    this.#mayCarryHeaders = after.length === 0 || after.some(({ transport }) => transport.carriesHeaders !== false);
    for (const gone of before.values()) this.#leave(gone);
    const { events } = this.#init;
    if ((added.length > 0 || before.size > 0) && events.wants('addresses')) {
      events.emit('addresses', { addresses: [...targets.keys()], added, removed: [...before.keys()] });
    }
  }

  /** Lets the calls that are on their way to it end; closing the client does not wait for that. */
  #leave(endpoint: Endpoint): void {
    const close = (): void => {
      this.#leaving.get(endpoint)?.();
      this.#leaving.delete(endpoint);
      if (!this.#closed) void endpoint.transport.close(0).catch(() => {});
    };
    this.#leaving.set(endpoint, this.#init.clock.setTimer(close, farewell));
    endpoint.onIdle(close);
  }

  #endpoint(address: string, transport: ClientTransport): Endpoint {
    transport.onLeft?.(() => this.#init.source.refresh());
    const { clock, random, events, breaker: terms } = this.#init;
    const breaker =
      terms === undefined
        ? undefined
        : new Breaker(terms, {
            clock,
            random,
            mayOpen: (rate) => this.#mayOpen(terms, rate),
            onChange: (from, to, reason) => {
              if (to.kind === 'open') this.#init.source.refresh();
              if (!events.wants('breaker')) return;
              const openFor = to.kind === 'open' ? { openFor: to.until - clock.now() } : {};
              events.emit('breaker', { address, from: from.kind, to: to.kind, reason, ...openFor });
            },
          });
    return new Endpoint(this.#init.around?.(transport, address) ?? transport, address, breaker, clock);
  }

  /** When most addresses fail, leaving them out would only move their load to the rest: breakers then stay closed. */
  #mayOpen({ maxEjected }: BreakerTerms, rate: boolean): boolean {
    const count = this.#endpoints.length;
    const out = this.#endpoints.filter((one) => one.breaker?.state.kind !== 'closed');
    if (out.length + 1 > Math.floor(count * maxEjected)) return false;
    return !rate || out.filter((one) => one.breaker?.openedByRate).length + 1 <= Math.max(1, Math.floor(count / 10));
  }
}

function wasTried(tried: Call['tried'], endpoint: Endpoint): boolean {
  return tried?.some((lease) => (lease as EndpointLease).endpoint === endpoint) === true;
}

function lastTried(tried: Call['tried'], endpoint: Endpoint) {
  return tried?.findLast((lease) => (lease as EndpointLease).endpoint === endpoint);
}

function lighter(a: Endpoint, b: Endpoint): Endpoint {
  return b.load < a.load ? b : a;
}

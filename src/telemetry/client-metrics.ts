/** A client's events and states as metrics. Listens only while a meter provider is registered: events that nobody hears are not made. */
import type { ObservableCallback } from '@opentelemetry/api';
import { isRpcError } from '../call/rpc-error.js';
import type { ClientEventHub } from '../interceptors/client-events.js';
import { attribute, hostAndPort, methodName, systemOf } from './conventions.js';
import { type Instruments, instruments } from './instruments.js';

type BreakerKind = 'closed' | 'open' | 'half-open';

export interface ClientStates {
  readonly events: ClientEventHub;
  /** The full name of the service. */
  readonly service: string;
  /** What the client was made with: one address, or several. */
  readonly target: string;
  /** Tokens */
  readonly balance: () => number;
  readonly addresses: () => readonly { readonly address: string; readonly breaker: BreakerKind }[];
}

const breakerNumber: Readonly<Record<BreakerKind, number>> = { closed: 0, 'half-open': 1, open: 2 };

export class ClientMetrics {
  readonly #states: ClientStates;
  #heard: Instruments | undefined;
  #stop: (() => void)[] = [];
  #closed = false;

  constructor(states: ClientStates) {
    this.#states = states;
  }

  /** Whether it still listens for a provider that may be gone. */
  get listening(): boolean {
    return this.#heard !== undefined;
  }

  /** What to record with now. */
  get current(): Instruments | undefined {
    const now = instruments();
    if (now !== this.#heard && !this.#closed) this.#listen(now);
    return now;
  }

  /** The client is closed: its states are gone. */
  close(): void {
    this.#closed = true;
    this.#listen(undefined);
  }

  #listen(now: Instruments | undefined): void {
    for (const stop of this.#stop.splice(0)) stop();
    this.#heard = now;
    if (now === undefined) return;
    const { events, service, target, balance, addresses } = this.#states;
    const observe = (gauge: Instruments['budgetBalance'], callback: ObservableCallback): void => {
      gauge.addCallback(callback);
      this.#stop.push(() => gauge.removeCallback(callback));
    };
    observe(now.budgetBalance, (result) =>
      result.observe(balance(), { [attribute.service]: service, ...server(target) }),
    );
    observe(now.breakerState, (result) => {
      for (const { address, breaker } of addresses()) {
        result.observe(breakerNumber[breaker], { [attribute.service]: service, ...server(address) });
      }
    });
    this.#stop.push(
      events.on('retry', ({ method, cause }) => {
        const why = isRpcError(cause) ? cause.code : cause;
        now.retries.add(1, { ...ofMethod(method), [attribute.cause]: why });
      }),
      events.on('giveUp', ({ method, reason }) => {
        now.giveUps.add(1, { ...ofMethod(method), [attribute.giveUp]: reason });
      }),
      events.on('hedge', ({ method }) => now.hedgesSent.add(1, ofMethod(method))),
      events.on('breaker', ({ address, from, to }) => {
        now.breakerChanges.add(1, {
          [attribute.service]: service,
          ...server(address),
          [attribute.from]: from,
          [attribute.to]: to,
        });
      }),
      events.on('malformed', ({ method }) => now.clientMalformed.add(1, ofMethod(method))),
      events.on('discarded', ({ method, stage }) => {
        now.clientDiscarded.add(1, { ...ofMethod(method), [attribute.stage]: stage });
      }),
    );
  }
}

export function ofMethod(method: Parameters<typeof methodName>[0]) {
  return { [attribute.system]: systemOf(method), [attribute.method]: methodName(method) };
}

/** An address as attributes. */
export function server(address: string): Record<string, string | number> {
  const { host, port } = hostAndPort(address);
  return port === undefined
    ? { [attribute.serverAddress]: host }
    : { [attribute.serverAddress]: host, [attribute.serverPort]: port };
}

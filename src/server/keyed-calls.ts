/** What a server does for its KEYED methods besides each call: the store, executions that outlive their callers, expiry. */
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import { InFlight } from '../call/in-flight.js';
import { type Staged, serverStages } from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import { ownError } from '../call/own-error.js';
import type { MethodType } from '../contract/method.js';
import type { ServiceType } from '../contract/service.js';
import { isKeyed, serverIdempotency } from '../interceptors/idempotency.js';
import type { IdempotencyStore } from '../interceptors/idempotency-store.js';
import { RecordExpiry } from '../interceptors/record-expiry.js';
import type { ServerEventHub } from '../interceptors/server-events.js';

export interface KeyedContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: ServerEventHub;
  /** ms */
  readonly maxTimeout: number | undefined;
}

export class KeyedCalls {
  readonly #store: IdempotencyStore | undefined;
  readonly #context: KeyedContext;
  readonly #expiry: RecordExpiry | undefined;
  /** Executions whose handler runs. */
  readonly #running = new InFlight<Call>();

  /** Throws a TypeError for what is no store. */
  constructor(store: IdempotencyStore | undefined, context: KeyedContext) {
    if (store !== undefined && typeof store?.execute !== 'function') {
      throw new TypeError(
        "the option store is no store; pass sqliteStore('market.db'), postgresStore(pool) or memoryStore()",
      );
    }
    this.#store = store;
    this.#context = context;
    this.#expiry = store && new RecordExpiry({ ...context, store });
  }

  /** Throws a TypeError for a KEYED method that nothing would keep the promise of. */
  check(services: Iterable<ServiceType>): void {
    for (const service of services) {
      for (const method of Object.values<MethodType>(service.methods)) {
        if (method.policy.idempotency !== 'KEYED') continue;
        if (!isKeyed(method)) {
          throw new TypeError(
            `${method.path} is KEYED and a ${method.kind} method; a key names one request with one answer, so only a unary method has one`,
          );
        }
        if (this.#store !== undefined) continue;
        throw new TypeError(
          `${method.path} is KEYED, and this server has no store to keep its keys in; write createServer({ store: sqliteStore('market.db') }), or postgresStore(pool) where several servers share the work`,
        );
      }
    }
  }

  /** `interceptors` are the user's own. */
  staged(interceptors: readonly Staged[]): readonly Staged[] {
    const store = this.#store;
    const expiry = this.#expiry;
    if (store === undefined || expiry === undefined) return [];
    const observed = interceptors.some(
      (one) => rank('decode', 0) < rankOf(one) && rankOf(one) < rank('idempotency', 0),
    );
    const context = {
      ...this.#context,
      store,
      running: this.#running,
      observed,
      onCall: (now: number) => expiry.nudge(now),
    };
    return [{ stage: 'idempotency', side: 0, interceptor: serverIdempotency(context) }];
  }

  start(): void {
    this.#expiry?.start();
  }

  /** Lets executions end within `graceMs`, then ends them: nothing of them commits. The store stays its owner's. */
  async close(graceMs: number): Promise<void> {
    this.#expiry?.stop();
    const running = this.#running;
    if (running.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#context.clock.setTimer(() => {
        for (const call of running) call.abort(ownError('SHUTDOWN', 'the server is shutting down'));
        resolve();
      }, graceMs);
      for (const call of running) {
        call.onFinish(() => {
          if (running.size > 0) return;
          cancel();
          resolve();
        });
      }
    });
  }
}

function rank(stage: string, side: number): number {
  return (serverStages as readonly string[]).indexOf(stage) * 3 + side;
}

function rankOf({ stage, side }: Staged): number {
  return rank(stage, side);
}

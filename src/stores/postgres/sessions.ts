/**
 * Takes clients from the user's pool, with a bound on the wait. Calls queue here rather than in the pool, because a place
 * in the pool's queue cannot be given up: a caller who stopped waiting would still be served, one day.
 */
import type { Clock } from '../../call/clock.js';
import type { PgClient, PgPool } from './driver.js';
import { refusedByStore, unavailable } from './failure.js';
import { Session } from './session.js';

export interface SessionsInit<Client extends PgClient> {
  readonly pool: PgPool<Client>;
  readonly clock: Clock;
  /** Clients that are used at a time. */
  readonly size: number;
  /** ms */
  readonly acquireTimeout: number;
  /** ms */
  readonly statementTimeout: number;
}

interface Waiter {
  grant(): void;
}

/** A pool without a listener of its own ends the process when the server closes an idle connection. */
const ignore = (): void => {};

export class Sessions<Client extends PgClient> {
  readonly #init: SessionsInit<Client>;
  readonly #queue = new Set<Waiter>();
  #used = 0;
  #idle: (() => void)[] = [];

  constructor(init: SessionsInit<Client>) {
    this.#init = init;
    init.pool.on('error', ignore);
  }

  /** Runs `use` with a client of its own. Rejects with UNAVAILABLE, not-executed, when none comes in time. */
  async with<T>(use: (session: Session<Client>) => Promise<T>): Promise<T> {
    const session = await this.#acquire();
    try {
      return await use(session);
    } finally {
      session.release();
    }
  }

  /** Nobody may ask for a client any more; resolves when the last one has been given back. */
  async close(): Promise<void> {
    if (this.#used > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.#init.pool.removeListener('error', ignore);
  }

  async #acquire(): Promise<Session<Client>> {
    const { pool, clock, acquireTimeout, statementTimeout, size } = this.#init;
    const giveUpAt = clock.now() + acquireTimeout;
    if (this.#used < size) this.#used += 1;
    else await this.#queued(acquireTimeout);
    const client = await new Promise<Client>((resolve, reject) => {
      let late = false;
      const cancel = clock.setTimer(
        () => {
          late = true;
          reject(this.#exhausted());
        },
        Math.max(0, giveUpAt - clock.now()),
      );
      pool.connect().then(
        (one) => {
          cancel();
          if (!late) return resolve(one);
          // It came for nobody; until now it counted as used, so that the pool's queue stays as short as its size.
          one.release();
          this.#free();
        },
        (error: unknown) => {
          cancel();
          this.#free();
          if (!late) reject(unavailable(error, 'not-executed'));
        },
      );
    });
    return new Session(client, clock, statementTimeout, () => this.#free());
  }

  /** Resolves when a place is this caller's. */
  #queued(timeout: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        grant: () => {
          cancel();
          this.#queue.delete(waiter);
          resolve();
        },
      };
      const cancel = this.#init.clock.setTimer(() => {
        this.#queue.delete(waiter);
        reject(this.#exhausted());
      }, timeout);
      this.#queue.add(waiter);
    });
  }

  /** The place goes to who waited longest. */
  #free(): void {
    const [next] = this.#queue;
    if (next !== undefined) {
      next.grant();
      return;
    }
    this.#used -= 1;
    if (this.#used > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  #exhausted(): Error {
    const { acquireTimeout, size } = this.#init;
    return refusedByStore(
      'STORE_POOL_EXHAUSTED',
      `no connection to Postgres came free within ${acquireTimeout} ms (acquireTimeout); the pool has ${size}, and each is held until a handler returns: shorten what handlers do in a transaction, or make the pool larger`,
    );
  }
}

/**
 * One client of the pool for the length of one transaction. It knows when its connection is lost, bounds every answer it
 * waits for (a network that swallows everything included), and sees to it that a client whose state is in doubt never
 * goes back to the pool.
 */
import type { Clock } from '../../call/clock.js';
import type { PgClient, PgResult } from './driver.js';

/** ms that an answer may take beyond the server's own limit for a statement. */
const answerSlack = 5_000;

export class Session<Client extends PgClient = PgClient> {
  readonly client: Client;
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #onRelease: () => void;
  readonly #onError = (error: Error): void => this.lose(error);
  #lost: Error | undefined;
  #released = false;
  /** What waits for an answer, or for the loss of the connection. */
  readonly #waiting = new Set<(error: Error) => void>();
  #answers = 0;
  #cancelWatch: (() => void) | undefined;

  /** `statementTimeout`: ms, what the server was told; `onRelease` runs once, when the client has been given back. */
  constructor(client: Client, clock: Clock, statementTimeout: number, onRelease: () => void) {
    this.client = client;
    this.#clock = clock;
    this.#limit = statementTimeout + answerSlack;
    this.#onRelease = onRelease;
    client.on('error', this.#onError);
  }

  /** Why the connection cannot be used any more. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  query(text: string, values?: unknown[]): Promise<PgResult> {
    return this.answer(() => this.client.query(text, values));
  }

  /** Several statements in one round trip; their results in order. */
  async script(text: string): Promise<readonly PgResult[]> {
    const results: unknown = await this.query(text);
    return Array.isArray(results) ? results : [results as PgResult];
  }

  /** Waits for what `ask` asks the server, no longer than an answer may take, and not beyond the connection's end. */
  answer<T>(ask: () => PromiseLike<T>): Promise<T> {
    this.#answers += 1;
    this.#watch();
    return this.whileConnected(ask).finally(() => {
      this.#answers -= 1;
      this.#watch();
    });
  }

  /** Settles as `begin` does, or rejects when the connection is lost before that. */
  whileConnected<T>(begin: () => PromiseLike<T>): Promise<T> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    return new Promise<T>((resolve, reject) => {
      const settle = (end: () => void): void => {
        this.#waiting.delete(reject);
        end();
      };
      this.#waiting.add(reject);
      begin().then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  /** The connection is of no use: whoever waits for it fails now. */
  lose(error: Error): void {
    if (this.#lost !== undefined) return;
    this.#lost = error;
    this.release();
    for (const reject of [...this.#waiting]) reject(error);
  }

  /** Leaves the transaction, whatever its state; a failure to do so is a lost connection. */
  async rollback(): Promise<void> {
    if (this.#lost !== undefined) return;
    try {
      await this.query('ROLLBACK');
    } catch (error) {
      this.lose(error as Error);
    }
  }

  /** Gives the client back, once; closes it when its connection is lost. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#cancelWatch?.();
    // A destroyed client may still report the end of its connection; without a listener that would end the process.
    if (this.#lost === undefined) this.client.removeListener('error', this.#onError);
    this.client.release(this.#lost);
    this.#onRelease();
  }

  /** pg sends one statement after the other, so each answer gives the next its whole time. */
  #watch(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
    if (this.#answers === 0 || this.#released) return;
    this.#cancelWatch = this.#clock.setTimer(
      () => this.lose(new Error(`the server did not answer within ${this.#limit} ms`)),
      this.#limit,
    );
  }
}

/**
 * One member's turn at the writer, from the queue to its answer. It hosts the member's transaction: opens the savepoint
 * late, and notices when a statement cost the whole group its transaction.
 */
import type { Connection } from './connection.js';
import type { Member } from './member.js';
import { Transaction, type TransactionHost } from './tx.js';

/** What a turn tells the writer. */
export interface TurnListener {
  /** A statement threw. */
  statementFailed(turn: Turn, error: unknown): void;
}

/** queued: behind others. begun: waits for the database. running: its work runs. sealed: waits for the commit. over: answered. */
export type TurnState = 'queued' | 'begun' | 'running' | 'sealed' | 'over';

export class Turn implements TransactionHost {
  readonly member: Member<unknown, unknown>;
  /** When it came, ms on the writer's clock. */
  readonly since: number;
  state: TurnState = 'queued';
  /** When its work began. */
  startedAt = 0;
  /** Its savepoint is open. */
  wrote = false;
  /** Its work outlived the turn of the event loop that it began in. */
  suspended = false;
  warned = false;
  /** What the call fails with, whatever its work comes to: the transaction is gone. */
  doom: unknown;
  tx: Transaction | undefined;
  /** The number of the transaction in which its peek found nothing. */
  isNewIn: number | undefined;
  /** Its answer, once sealed. */
  answer: unknown;
  /** Lets it begin, in the async context of whoever queued it; undefined until it waits. */
  go: (() => void) | undefined;
  /** Timers that watch over work that suspends. */
  cancelTimers: (() => void)[] | undefined;
  readonly #listener: TurnListener;
  readonly #resolve: (answer: unknown) => void;
  readonly #reject: (error: unknown) => void;
  #connection: Connection | undefined;

  constructor(
    member: Member<unknown, unknown>,
    since: number,
    listener: TurnListener,
    resolve: (answer: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.member = member;
    this.since = since;
    this.#listener = listener;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get connection(): Connection {
    if (this.#connection === undefined) throw new Error(`the turn of ${this.member.name} has no connection yet`);
    return this.#connection;
  }

  begin(connection: Connection, now: number): Transaction {
    this.#connection = connection;
    this.startedAt = now;
    this.state = 'running';
    this.tx = new Transaction(this);
    return this.tx;
  }

  get ending(): string {
    const { name } = this.member;
    if (this.doom !== undefined) return `the transaction of ${name} was rolled back: ${String(this.doom)}`;
    return `the transaction of ${name} is over: use call.tx and what comes from it before the handler returns`;
  }

  beforeWrite(): void {
    const { db } = this.connection;
    // Outside of a transaction each statement would commit by itself.
    if (db.isTransaction === false) throw new Error('the transaction of the group is gone');
    if (this.wrote) return;
    this.connection.savepoint();
    this.wrote = true;
  }

  failed(error: unknown): void {
    this.#listener.statementFailed(this, error);
  }

  /** Undoes what it wrote and nothing else. */
  undo(): void {
    if (!this.wrote) return;
    this.wrote = false;
    this.connection.db.exec('ROLLBACK TO member; RELEASE member');
  }

  release(): void {
    if (!this.wrote) return;
    this.connection.release();
    this.wrote = false;
  }

  succeed(): void {
    this.state = 'over';
    this.#resolve(this.answer);
  }

  fail(error: unknown): void {
    this.state = 'over';
    this.#reject(error);
  }

  /** No timer watches it any more. */
  unwatch(): void {
    if (this.cancelTimers === undefined) return;
    for (const cancel of this.cancelTimers) cancel();
    this.cancelTimers = undefined;
  }
}

/**
 * The only writer of a database. Turns run one after another, each in a savepoint of a transaction that they share; the
 * group commits by count or after about 2 ms, and an answer leaves only after its commit. One sync to disk then pays for
 * many calls.
 *
 * A turn whose work is done within one turn of the event loop costs no turn of the loop: the next begins in the same
 * microtask. Work that outlives it (it awaits I/O) is noticed by one setImmediate for the whole group. If it has written
 * nothing yet, the finished turns commit without it. If it has, they must wait for it, this once: from then on the group
 * commits before a turn of that method begins.
 */
import type { Clock } from '../../call/clock.js';
import type { Logger } from '../../call/logger.js';
import { RpcError } from '../../call/rpc-error.js';
import type { Connection } from './connection.js';
import { inTransaction } from './driver.js';
import {
  type CommitDoubt,
  dispositionOfCommit,
  isBusy,
  isConstraint,
  isEnvironmental,
  needsReopening,
  unavailable,
} from './failure.js';
import { isPromise } from './is-promise.js';
import type { Member } from './member.js';
import { Solitary } from './solitary.js';
import { Turn, type TurnListener } from './turn.js';
import { Watch } from './watch.js';

export interface WriterOptions {
  /** Turns in a group at most. */
  readonly groupLimit: number;
  /** ms that the first of a group waits for others. */
  readonly groupDelay: number;
  /** ms that a turn waits for a database that somebody else has locked. */
  readonly busyTimeout: number;
  /** ms from which on a turn that holds the writer is named in a warning. */
  readonly warnAfter: number;
  /** ms after which it is rolled back. */
  readonly holdLimit: number;
  /** Turns that wait at most. */
  readonly queueLimit: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The writer's hold on its file. */
export interface WriterFile {
  open(): Connection;
  /** After each end of a group, however it ended. */
  groupEnded(): void;
}

/** ms between two tries at a locked database. */
const longestPause = 50;

export class Writer implements TurnListener {
  readonly #options: WriterOptions;
  readonly #file: WriterFile;
  readonly #watch: Watch;
  readonly #solitary = new Solitary();
  #connection: Connection;
  /** The connection may be broken: the next group begins with a new one. */
  #suspect = false;
  readonly #queue: Turn[] = [];
  #current: Turn | undefined;
  /** The turn whose work is being called right now: whatever comes meanwhile comes from inside it. */
  #inside: Turn | undefined;
  /** Sealed turns that wait for the commit. */
  #group: Turn[] = [];
  #transaction = false;
  /** As many came back after the last commit: when as many are there again, nobody is missing. */
  #expected = 1;
  /** The group has waited its time. */
  #due = false;
  #cancelDelay: (() => void) | undefined;
  #checking = false;
  /** A group was full: the loop gets a turn before the next begins. */
  #yielding = false;
  #closed: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(file: WriterFile, options: WriterOptions) {
    this.#file = file;
    this.#options = options;
    this.#connection = file.open();
    this.#watch = new Watch(options, (turn) => this.#giveUp(turn));
  }

  /** Whether a turn would have to wait for work that suspends. */
  get blocked(): boolean {
    return this.#current?.suspended === true;
  }

  get connection(): Connection {
    return this.#connection;
  }

  /** Whether this is the transaction of the turn that runs now. */
  runs(tx: unknown): boolean {
    return tx !== undefined && this.#current !== undefined && this.#current.tx === tx;
  }

  /**
   * Resolves once the member's group has committed. Rejects with what its work threw, or UNAVAILABLE: the database
   * failed, the queue is full, or the store is closed.
   */
  submit<V, R>(member: Member<V, R>): Promise<R> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise<R>((resolve, reject) => {
      const turn = new Turn(member, this.#options.clock.now(), this, resolve as (answer: unknown) => void, reject);
      if (this.#current === undefined && this.#queue.length === 0 && !this.#yielding) {
        this.#current = turn;
        this.#begin(turn);
      } else {
        // A reaction runs in the async context that made it: the call's, not that of the turn before.
        new Promise<void>((go) => {
          turn.go = go;
        }).then(() => this.#begin(turn));
        this.#queue.push(turn);
      }
    });
  }

  /** Runs what is queued, commits, and closes the connection. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      if (this.#current !== undefined || this.#queue.length > 0) {
        await new Promise<void>((idle) => {
          this.#onIdle = idle;
        });
      }
      this.#commit();
      this.#connection.close();
    })();
    return this.#closed;
  }

  #refusal(): Error | undefined {
    if (this.#closed !== undefined) return refused('the store is closed', 'STORE_CLOSED');
    if (this.#inside !== undefined) return nestedWrite(this.#inside.member.name);
    if (this.#queue.length >= this.#options.queueLimit) {
      const { queueLimit } = this.#options;
      return refused(`${queueLimit} calls wait for the database already (queueLimit); try again later`, 'STORE_BUSY');
    }
    return undefined;
  }

  // One turn

  /** Begins a turn, or tries again later when somebody has locked the database. */
  #begin(turn: Turn, pause = 1): void {
    turn.state = 'begun';
    try {
      const peeked = turn.member.peek?.(this.#connection);
      if (peeked !== undefined) {
        turn.answer = peeked.answer;
        if (peeked.uncommitted) this.#join(turn);
        else turn.succeed();
        this.#next();
        return;
      }
      if (this.#solitary.has(turn.member.name)) this.#commit();
      this.#beginTransaction();
    } catch (error) {
      const { clock, busyTimeout } = this.#options;
      if (isBusy(error) && clock.now() - turn.since + pause <= busyTimeout) {
        clock.setTimer(() => this.#begin(turn, Math.min(pause * 2, longestPause)), pause);
      } else {
        this.#lose(turn, error);
        this.#next();
      }
      return;
    }
    this.#run(turn);
  }

  #beginTransaction(): void {
    if (this.#transaction) return;
    if (this.#suspect) this.#reopen();
    this.#connection.db.exec('BEGIN IMMEDIATE');
    this.#transaction = true;
  }

  #reopen(): void {
    try {
      this.#connection.close();
    } catch {
      // It is broken: that is why it is closed.
    }
    this.#connection = this.#file.open();
    this.#suspect = false;
  }

  #run(turn: Turn): void {
    const tx = turn.begin(this.#connection, this.#options.clock.now());
    let result: unknown;
    this.#inside = turn;
    try {
      result = turn.member.work(tx);
    } catch (error) {
      this.#inside = undefined;
      this.#abandon(turn, error);
      return;
    }
    this.#inside = undefined;
    if (isPromise(result)) {
      this.#check();
      result.then(
        (value) => this.#settle(turn, value),
        (error: unknown) => this.#abandon(turn, error),
      );
    } else this.#settle(turn, result);
  }

  /** The work is done: seals it and lets the next one begin. */
  #settle(turn: Turn, value: unknown): void {
    if (!this.#finish(turn)) return;
    try {
      turn.answer = turn.member.seal(value, this.#connection);
      turn.release();
    } catch (error) {
      if (isEnvironmental(error) || !inTransaction(this.#connection.db)) this.#lose(turn, error);
      else this.#undo(turn, error);
      this.#next();
      return;
    }
    if (!turn.suspended) this.#solitary.behaved(turn.member.name);
    this.#join(turn);
    this.#next();
  }

  /** The work failed: undoes it and lets the next one begin. */
  #abandon(turn: Turn, error: unknown): void {
    if (!this.#finish(turn)) return;
    this.#undo(turn, error);
    this.#next();
  }

  /** Ends the turn's transaction. False when the turn has its answer already. */
  #finish(turn: Turn): boolean {
    if (turn !== this.#current) return false;
    turn.unwatch();
    this.#watch.ended(turn);
    turn.tx?.end(
      `the transaction of ${turn.member.name} is over: use call.tx and what comes from it before the handler returns`,
    );
    if (turn.doom === undefined) return true;
    turn.fail(turn.doom);
    this.#next();
    return false;
  }

  #undo(turn: Turn, error: unknown): void {
    try {
      turn.undo();
      turn.fail(error);
    } catch (failure) {
      this.#lose(turn, failure);
    }
  }

  /** The database failed in this turn: the whole group goes. */
  #lose(turn: Turn, error: unknown): void {
    this.#failGroup(error);
    turn.fail(unavailable(error, 'not-executed'));
  }

  #join(turn: Turn): void {
    turn.state = 'sealed';
    this.#group.push(turn);
  }

  /** The writer is free: commits when it is time, and lets the next turn begin. */
  #next(): void {
    const last = this.#current;
    this.#current = undefined;
    const full = this.#group.length >= this.#options.groupLimit;
    if (full || this.#due || (last !== undefined && this.#solitary.has(last.member.name))) this.#commit();
    if (this.#queue.length === 0) {
      this.#check();
      this.#onIdle?.();
    } else if (full) {
      this.#yielding = true;
      setImmediate(() => {
        this.#yielding = false;
        this.#advance();
      });
    } else this.#advance();
  }

  #advance(): void {
    const turn = this.#queue.shift();
    if (turn === undefined) return;
    this.#current = turn;
    turn.go();
  }

  // The group

  /** Looks once more when everything that could run in this turn of the event loop has run. */
  #check(): void {
    if (this.#checking) return;
    this.#checking = true;
    setImmediate(() => {
      this.#checking = false;
      const turn = this.#current;
      if (turn === undefined) {
        if (this.#queue.length > 0) return;
        if (this.#group.length === 0 || this.#group.length >= this.#expected) this.#commit();
        else this.#delay();
      } else if (turn.state === 'running' && !turn.suspended) this.#suspend(turn);
    });
  }

  /** The turn's work waits for something outside. */
  #suspend(turn: Turn): void {
    turn.suspended = true;
    this.#watch.began(turn);
    if (turn.wrote) {
      this.#solitary.add(turn.member.name);
      return;
    }
    if (this.#group.length === 0) return;
    this.#commit();
    try {
      this.#beginTransaction();
    } catch (error) {
      this.#doom(turn, unavailable(error, 'not-executed'));
    }
  }

  #delay(): void {
    this.#cancelDelay ??= this.#options.clock.setTimer(() => {
      this.#cancelDelay = undefined;
      if (this.#current === undefined) this.#commit();
      else this.#due = true;
    }, this.#options.groupDelay);
  }

  #endGroup(): Turn[] {
    const group = this.#group;
    this.#group = [];
    this.#transaction = false;
    this.#due = false;
    this.#cancelDelay?.();
    this.#cancelDelay = undefined;
    this.#file.groupEnded();
    return group;
  }

  #commit(): void {
    if (!this.#transaction) return;
    try {
      this.#connection.db.exec('COMMIT');
    } catch (error) {
      this.#failCommit(error);
      return;
    }
    const group = this.#endGroup();
    if (group.length > 0) this.#expected = group.length;
    for (const turn of group) turn.succeed();
  }

  #failCommit(error: unknown): void {
    // A constraint that is checked at the commit (DEFERRABLE INITIALLY DEFERRED) was broken by one of them. Alone it
    // gets its own error, and the others are not in its way.
    const broken = isConstraint(error);
    const [only, ...others] = this.#group;
    if (broken) for (const turn of this.#group) this.#solitary.add(turn.member.name);
    if (broken && only !== undefined && others.length === 0) {
      this.#group = [];
      only.fail(error);
    }
    this.#failGroup(error, dispositionOfCommit(error));
  }

  /** Rolls everything back that has not committed, and fails the calls. */
  #failGroup(error: unknown, disposition: CommitDoubt = 'not-executed'): void {
    if (isEnvironmental(error)) this.#suspect ||= needsReopening(error);
    const hadTransaction = this.#transaction;
    const group = this.#endGroup();
    if (hadTransaction) {
      try {
        if (inTransaction(this.#connection.db)) this.#connection.db.exec('ROLLBACK');
      } catch {
        this.#suspect = true;
      }
    }
    if (group.length === 0) return;
    const failure = unavailable(error, disposition);
    this.#options.logger.error({ err: error, calls: group.length }, 'a group of transactions was rolled back');
    for (const turn of group) turn.fail(failure);
  }

  statementFailed(turn: Turn, error: unknown): void {
    if (turn !== this.#current || turn.doom !== undefined) return;
    const environmental = isEnvironmental(error);
    if (!environmental && inTransaction(this.#connection.db)) return;
    if (environmental) {
      this.#doom(turn, unavailable(error, 'not-executed'));
      this.#failGroup(error);
      return;
    }
    // INSERT OR ROLLBACK and RAISE(ROLLBACK) end the transaction of all.
    const { name } = turn.member;
    this.#solitary.add(name);
    this.#doom(
      turn,
      new Error(
        `${name} rolled the whole transaction back; other calls share it: write OR ABORT instead of OR ROLLBACK`,
        {
          cause: error,
        },
      ),
    );
    this.#failGroup(new Error(`${name} rolled back the transaction that this call shared`, { cause: error }));
  }

  #doom(turn: Turn, error: unknown): void {
    turn.doom = error;
    turn.wrote = false;
    turn.tx?.end(`the transaction of ${turn.member.name} was rolled back: ${String(error)}`);
  }

  /** The turn has held the writer for too long: others go on without it. */
  #giveUp(turn: Turn): void {
    const { holdLimit } = this.#options;
    this.#abandon(
      turn,
      new RpcError(
        'DEADLINE_EXCEEDED',
        `${turn.member.name} held the writer of the database for ${holdLimit} ms (holdLimit) and was rolled back; do what takes long before the first write, and never wait inside a write for another one`,
        { reason: 'STORE_HELD', disposition: 'executed' },
      ),
    );
  }
}

function refused(message: string, reason: string): RpcError {
  return new RpcError('UNAVAILABLE', message, { reason, disposition: 'not-executed' });
}

/** A turn inside a turn would wait for itself. */
export function nestedWrite(outer: string): RpcError {
  return new RpcError(
    'FAILED_PRECONDITION',
    `${outer} holds the writer of this database and would wait for itself; write through its own transaction (call.tx) instead of a KEYED call or store.write to the same store`,
    { reason: 'NESTED_TRANSACTION', disposition: 'not-executed' },
  );
}

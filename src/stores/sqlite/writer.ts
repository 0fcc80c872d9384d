/**
 * The only writer of a database. Turns run one after another, each in a savepoint of a transaction that they share; the
 * group commits by count or after about 2 ms, and an answer leaves only after its commit. One sync to disk then pays for
 * many calls.
 *
 * A turn whose work is done at once costs no turn of the event loop: the next begins in the microtask after it. Work that
 * outlives it (it awaits I/O) is noticed by one setImmediate for the whole group. If it has written nothing yet, the finished
 * turns commit without it. If it has, they must wait for it, this once: from then on the group commits before a turn of
 * that method begins.
 */
import type { Clock } from '../../call/clock.js';
import { isPromise } from '../../call/is-promise.js';
import type { Logger } from '../../call/logger.js';
import { isBusy, isEnvironmental, unavailable } from './failure.js';
import { Group, type WriterFile } from './group.js';
import type { Member, Peeked } from './member.js';
import { heldTooLong, nestedWrite, rolledBackAll, storeBusy, storeClosed } from './refusals.js';
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

const ready = Promise.resolve();
/** ms between two tries at a locked database. */
const longestPause = 50;

export class Writer implements TurnListener {
  readonly #options: WriterOptions;
  readonly #group: Group;
  readonly #watch: Watch;
  readonly #solitary = new Solitary();
  readonly #queue: Turn[] = [];
  #current: Turn | undefined;
  /** The turn whose work is being called right now: whatever comes meanwhile comes from inside it. */
  #inside: Turn | undefined;
  /** The group has waited its time. */
  #due = false;
  #cancelDelay: (() => void) | undefined;
  #checking = false;
  /** A group was full: the loop gets a turn before the next begins. */
  #yielding = false;
  #closed: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(file: WriterFile, options: WriterOptions) {
    this.#options = options;
    this.#group = new Group(file, options.logger, (turn) => this.#solitary.add(turn));
    this.#watch = new Watch(options, (turn) => this.#giveUp(turn));
  }

  /** Whose turn it is, if this is its transaction. */
  holderOf(tx: unknown): string | undefined {
    return tx !== undefined && this.#current?.tx === tx ? this.#current?.member.name : undefined;
  }

  /**
   * Resolves once the member's group has committed. Rejects with what its work threw, or UNAVAILABLE: the database
   * failed, the queue is full, or the store is closed.
   */
  submit<V, R>(member: Member<V, R>): Promise<R> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const known = this.#known(member);
    if (known !== undefined) return Promise.resolve(known.answer);
    return new Promise<R>((resolve, reject) => {
      const turn = new Turn(member, this.#options.clock.now(), this, resolve as (answer: unknown) => void, reject);
      this.#queue.push(turn);
      // After all that comes in the same go. A reaction runs in the async context that made it: the call's own.
      ready.then(() => this.#arrive(turn));
    });
  }

  /** Changes when somebody else has written to the file, or another file has taken its place. */
  version(): string {
    return this.#group.version;
  }

  /** Runs what is queued, commits, and closes the connection. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      if (this.#current !== undefined || this.#queue.length > 0) {
        await new Promise<void>((idle) => {
          this.#onIdle = idle;
        });
      }
      this.#endDelay();
      this.#group.close();
    })();
    return this.#closed;
  }

  #refusal(): Error | undefined {
    if (this.#closed !== undefined) return storeClosed();
    if (this.#inside !== undefined) return nestedWrite(this.#inside.member.name);
    // The first of those that come at once does not wait.
    const waiting = this.#queue.length - (this.#current === undefined ? 1 : 0);
    if (waiting >= this.#options.queueLimit) return storeBusy(this.#options.queueLimit);
    return undefined;
  }

  /** The answer that is there already: it need not wait for work that suspends. */
  #known<V, R>(member: Member<V, R>): Peeked<R> | undefined {
    const running = this.#current;
    if (running?.suspended !== true) return undefined;
    try {
      const peeked = member.peek?.(this.#group.connection);
      if (peeked !== undefined) this.#group.checkPlace();
      return peeked;
    } catch (error) {
      this.statementFailed(running, error);
      return undefined;
    }
  }

  // One turn

  /** Begins a turn, or tries again later when somebody has locked the database. */
  #begin(turn: Turn, pause = 1): void {
    turn.state = 'begun';
    try {
      this.#group.mend();
      if (turn.isNewIn !== this.#group.number) {
        const peeked = turn.member.peek?.(this.#group.connection);
        if (peeked !== undefined) {
          this.#group.checkPlace();
          turn.answer = peeked.answer;
          turn.succeed();
          this.#next();
          return;
        }
      }
      if (this.#solitary.has(turn)) this.#commit();
      this.#group.begin();
      if (turn.isNewIn !== this.#group.number && this.#group.size > 0) this.#lookAhead();
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

  /**
   * Peeks for the turns to come: the same statement again and again is a good deal cheaper than each between others. Not for
   * more than are likely to come to their turn in this transaction: what was found is of no use in another.
   */
  #lookAhead(): void {
    const { connection, number, size, usual } = this.#group;
    const most = Math.min(this.#queue.length, this.#options.groupLimit - size - 1, 2 * usual);
    try {
      for (let i = 0; i < most; i++) {
        const turn = this.#queue[i] as Turn;
        if (turn.member.peek?.(connection) === undefined) turn.isNewIn = number;
      }
    } catch {
      // Whose peek it is will see for itself.
    }
  }

  #run(turn: Turn): void {
    const tx = turn.begin(this.#group.connection, this.#options.clock.now());
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
      turn.answer = turn.member.seal(value, this.#group.connection);
      turn.release();
    } catch (error) {
      if (isEnvironmental(error) || !this.#group.alive) this.#lose(turn, error);
      else this.#undo(turn, error);
      this.#next();
      return;
    }
    if (!turn.suspended) this.#solitary.behaved(turn);
    this.#group.join(turn);
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
    turn.tx?.end();
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
    this.#group.fail(error);
    turn.fail(unavailable(error, 'not-executed'));
  }

  /** The writer is free: commits when it is time, and lets the next turn begin. */
  #next(): void {
    const last = this.#current;
    this.#current = undefined;
    const full = this.#group.size >= this.#options.groupLimit;
    if (full || this.#due || (last !== undefined && this.#solitary.has(last))) this.#commit();
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

  /** A turn that comes while the writer is free begins now; another waits, and only then needs a promise for that. */
  #arrive(turn: Turn): void {
    if (this.#queue[0] === turn && this.#current === undefined && !this.#yielding) {
      this.#take();
      this.#begin(turn);
      return;
    }
    new Promise<void>((go) => {
      turn.go = go;
    }).then(() => this.#begin(turn));
  }

  /** Lets the next one begin that waits. One that has just come arrives by itself. */
  #advance(): void {
    if (this.#queue[0]?.go !== undefined) this.#take().go?.();
  }

  #take(): Turn {
    const turn = this.#queue.shift() as Turn;
    this.#current = turn;
    return turn;
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
        if (this.#group.complete || this.#options.groupDelay === 0) this.#commit();
        else this.#delay();
      } else if (turn.state === 'running' && !turn.suspended) this.#suspend(turn);
    });
  }

  /** The turn's work waits for something outside. */
  #suspend(turn: Turn): void {
    turn.suspended = true;
    this.#watch.began(turn);
    if (turn.wrote) {
      this.#solitary.add(turn);
      return;
    }
    if (this.#group.size === 0) return;
    this.#commit();
    try {
      this.#group.begin();
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

  #commit(): void {
    this.#endDelay();
    this.#group.commit();
  }

  #endDelay(): void {
    this.#due = false;
    this.#cancelDelay?.();
    this.#cancelDelay = undefined;
  }

  statementFailed(turn: Turn, error: unknown): void {
    if (turn !== this.#current || turn.doom !== undefined) return;
    const { name } = turn.member;
    if (isEnvironmental(error) || this.#group.closed) {
      this.#doom(turn, unavailable(error, 'not-executed'));
      this.#group.fail(error);
    } else if (!this.#group.alive) {
      this.#solitary.add(turn);
      const failure = rolledBackAll(name, error);
      this.#doom(turn, failure);
      this.#group.fail(failure, 'not-executed', false);
    }
  }

  #doom(turn: Turn, error: unknown): void {
    turn.doom = error;
    turn.wrote = false;
    turn.tx?.end();
  }

  /** The turn has held the writer for too long: others go on without it. */
  #giveUp(turn: Turn): void {
    this.#abandon(turn, heldTooLong(turn.member.name, this.#options.holdLimit));
  }
}

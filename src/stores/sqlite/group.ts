/**
 * The transaction that many turns share, and the connection it runs on. Turns that are done join it; they are answered
 * when it commits, and fail together when it does not. After a failure of the database the next group begins on a new
 * connection, so nobody restarts anything.
 */
import type { Logger } from '../../call/logger.js';
import type { Connection } from './connection.js';
import { inTransaction } from './driver.js';
import {
  type CommitDoubt,
  doubtOfCommit,
  isConstraint,
  isEnvironmental,
  needsReopening,
  unavailable,
} from './failure.js';
import { recordFailed } from './refusals.js';
import type { Turn } from './turn.js';

/** The writer's hold on its file. */
export interface WriterFile {
  open(): Connection;
  /** Why nothing may be acknowledged: the path does not name the open file any more. */
  wrong(): Error | undefined;
  /** As `wrong`, of some ms ago. */
  wrongLately(): Error | undefined;
  /** There is no file at the path. */
  readonly gone: boolean;
  /** After each end of a group, before its turns are answered. `committed`: on which connection; undefined: it failed. */
  groupEnded(committed: Connection | undefined): void;
  /** Before the connection is closed for good, outside of a transaction. */
  closing(connection: Connection): void;
}

export class Group {
  readonly #file: WriterFile;
  readonly #logger: Logger;
  /** A turn broke what is checked only at the commit: it must not take others with it again. */
  readonly #onCulprit: (turn: Turn) => void;
  #connection: Connection;
  /** The connection may be broken. */
  #suspect = false;
  #open = false;
  #number = 0;
  #opened = 1;
  #turns: Turn[] = [];
  /** As many committed together last: when as many are there again, nobody is missing. */
  #last = 1;

  constructor(file: WriterFile, logger: Logger, onCulprit: (turn: Turn) => void) {
    this.#file = file;
    this.#logger = logger;
    this.#onCulprit = onCulprit;
    this.#connection = file.open();
  }

  get connection(): Connection {
    return this.#connection;
  }

  get size(): number {
    return this.#turns.length;
  }

  /** Of the transaction that is open, or of the one that begins next. */
  get number(): number {
    return this.#number;
  }

  /** As many committed together last time. */
  get usual(): number {
    return this.#last;
  }

  get complete(): boolean {
    return this.#turns.length === 0 || this.#turns.length >= this.#last;
  }

  /** Changes when somebody else has written to the file, and with every connection. */
  get version(): string {
    if (this.closed || this.#file.wrongLately() !== undefined) return `${this.#opened} lost`;
    return `${this.#opened} ${this.#connection.dataVersion()}`;
  }

  /** Whether the transaction is still there; a failed statement may have ended it. */
  get alive(): boolean {
    return this.#open && !this.closed && inTransaction(this.#connection.db);
  }

  /** Somebody closed the connection. */
  get closed(): boolean {
    return this.#connection.db.isOpen === false;
  }

  /** What was read is of a file that its path does not name any more. Throws an RpcError then. */
  checkPlace(): void {
    const wrong = this.#file.wrong();
    if (wrong !== undefined) throw unavailable(wrong, 'unknown');
  }

  /** Opens a new connection if the last one may be broken, or its file is another. Throws what stands in the way. */
  mend(): void {
    if (this.#open) return;
    const wrong = this.#file.wrongLately();
    if (!this.#suspect && wrong === undefined) return;
    this.#suspect = true;
    try {
      // A file under another name may have another server by now, which knows nothing of this log.
      this.#connection.close(!this.#file.gone);
    } catch {
      // It is broken: that is why it is closed.
    }
    this.#connection = this.#file.open();
    this.#opened += 1;
    this.#suspect = false;
  }

  /** Begins the transaction if it is not open. Throws what SQLite throws. */
  begin(): void {
    if (this.#open) return;
    this.mend();
    this.#connection.db.exec('BEGIN IMMEDIATE');
    this.#open = true;
  }

  join(turn: Turn): void {
    turn.state = 'sealed';
    this.#turns.push(turn);
  }

  /** Records, commits and answers, or fails all. */
  commit(): void {
    if (!this.#open || !this.#record()) return;
    try {
      this.#connection.db.exec('COMMIT');
    } catch (error) {
      this.#failCommit(error);
      return;
    }
    const wrong = this.#turns.length === 0 ? undefined : this.#file.wrong();
    if (wrong !== undefined) {
      this.fail(wrong, 'unknown', true);
      return;
    }
    const turns = this.#end(true);
    if (turns.length > 0) this.#last = turns.length;
    for (const turn of turns) turn.succeed();
  }

  /** The database failed: rolls back what has not committed, and fails the turns that waited for that. */
  fail(error: unknown, doubt: CommitDoubt = 'not-executed', suspect = needsReopening(error)): void {
    this.#suspect ||= suspect;
    const wasOpen = this.#open;
    const turns = this.#end(false);
    if (wasOpen) {
      try {
        if (inTransaction(this.#connection.db)) this.#connection.db.exec('ROLLBACK');
      } catch {
        this.#suspect = true;
      }
    }
    if (turns.length === 0) return;
    this.#logger.error({ err: error, calls: turns.length }, 'a group of transactions was rolled back');
    const failure = unavailable(error, doubt);
    for (const turn of turns) turn.fail(failure);
  }

  close(): void {
    this.commit();
    if (!this.closed) this.#file.closing(this.#connection);
    this.#connection.close();
  }

  /** Whether all records were written. */
  #record(): boolean {
    let recording: Turn | undefined;
    try {
      if (!this.alive) throw new Error('the transaction of the group is gone');
      for (recording of this.#turns) recording.member.record?.(this.#connection);
      return true;
    } catch (error) {
      if (recording === undefined || isEnvironmental(error)) this.fail(error);
      else this.#failRecord(recording, error);
      return false;
    }
  }

  /** Its savepoint is released: what it wrote can only go with what all others wrote. */
  #failRecord(culprit: Turn, error: unknown): void {
    this.#onCulprit(culprit);
    this.#turns = this.#turns.filter((turn) => turn !== culprit);
    culprit.fail(error);
    this.fail(recordFailed(culprit.member.name, error), 'not-executed', false);
  }

  #failCommit(error: unknown): void {
    if (isConstraint(error)) {
      // DEFERRABLE INITIALLY DEFERRED: checked at the commit, and nobody says whose row it was. Alone it gets its own error.
      for (const turn of this.#turns) this.#onCulprit(turn);
      const [only, ...others] = this.#turns;
      if (only !== undefined && others.length === 0) {
        this.#turns = [];
        only.fail(error);
      }
    }
    this.fail(error, doubtOfCommit(error));
  }

  #end(committed: boolean): Turn[] {
    const turns = this.#turns;
    this.#turns = [];
    this.#open = false;
    this.#number += 1;
    this.#file.groupEnded(committed ? this.#connection : undefined);
    return turns;
  }
}

/** The execution of one key: what the handler writes, and the record of its answer. */
import type { Clock } from '../../call/clock.js';
import type { Execution, NewRecord, StoredOutcome, Work } from '../../interceptors/idempotency-store.js';
import type { Connection } from './connection.js';
import type { Member, Peeked } from './member.js';
import type { Records } from './records.js';
import { committedElsewhere } from './refusals.js';
import type { SqliteTransaction } from './tx.js';

/** Where records are. */
export interface RecordsHost {
  readonly clock: Clock;
  recordsOf(connection: Connection): Records;
}

const executed: Execution = { kind: 'executed' };

/** No closures: there is one of these for each call. */
export class Recorded implements Member<StoredOutcome, Execution> {
  readonly #host: RecordsHost;
  readonly #record: NewRecord;
  readonly #beforeCommit: () => void;
  #outcome: StoredOutcome | undefined;
  readonly work: Work<SqliteTransaction, StoredOutcome>;

  constructor(
    host: RecordsHost,
    record: NewRecord,
    work: Work<SqliteTransaction, StoredOutcome>,
    beforeCommit: () => void,
  ) {
    this.#host = host;
    this.#record = record;
    this.#beforeCommit = beforeCommit;
    this.work = work;
  }

  get name(): string {
    const { service, method } = this.#record.id;
    return `${service}/${method}`;
  }

  peek(connection: Connection): Peeked<Execution> | undefined {
    const record = this.#host.recordsOf(connection).find(this.#record.id);
    return record === undefined ? undefined : { answer: { kind: 'recorded', record } };
  }

  seal(outcome: StoredOutcome): Execution {
    this.#beforeCommit();
    this.#outcome = outcome;
    return executed;
  }

  record(connection: Connection): void {
    const { clock } = this.#host;
    const outcome = this.#outcome as StoredOutcome;
    if (!this.#host.recordsOf(connection).insert(this.#record, outcome, clock.wallTime())) throw committedElsewhere();
  }
}

/**
 * The states of a subscription and what each event does in each: a total table, which the compiler checks. An action gets
 * the subscriber and the event, and answers with the next state.
 */
import type {
  Batch,
  CommitOk,
  Error as ErrorItem,
  Gap,
  Progress,
  Reset,
  SnapshotBegin,
  SnapshotChunk,
  SnapshotEnd,
  Subscribed,
  Throttle,
  Unsubscribed,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { Subscriber } from './subscriber.js';

export type State =
  /** Asked for, and not answered. */
  | 'Requested'
  /** A snapshot is on its way. */
  | 'Syncing'
  /** Behind what was the head when the subscription was answered. */
  | 'CatchingUp'
  | 'Live'
  /** What the server said does not fit the position, or it refused for now: begins again after a wait. */
  | 'Broken'
  /** No connection. */
  | 'Stale'
  /** The application wants nothing for now. */
  | 'Paused'
  | 'Failed'
  /** The application has ended it. */
  | 'Ended';

export interface Inputs {
  readonly up: undefined;
  readonly down: RpcError | undefined;
  readonly subscribed: Subscribed;
  readonly snapshotBegin: SnapshotBegin;
  readonly snapshotChunk: SnapshotChunk;
  readonly snapshotEnd: SnapshotEnd;
  readonly batch: Batch;
  readonly progress: Progress;
  readonly gap: Gap;
  readonly reset: Reset;
  readonly throttle: Throttle;
  readonly commitOk: CommitOk;
  /** An amendment was refused. */
  readonly error: ErrorItem;
  readonly unsubscribed: Unsubscribed;
  /** The wait of Broken is over. */
  readonly retry: undefined;
  /** No answer for too long. */
  readonly overdue: undefined;
  readonly pause: undefined;
  readonly resume: undefined;
  readonly fail: RpcError;
  readonly end: undefined;
}

export type InputName = keyof Inputs;
type Action<I extends InputName> = (it: Subscriber, input: Inputs[I]) => State;
type Row = { readonly [I in InputName]: Action<I> };

const stay = (it: Subscriber): State => it.state;
const ask = (it: Subscriber): State => it.request();
const fail = (it: Subscriber, error: RpcError): State => it.fail(error);
const end = (it: Subscriber): State => it.end();
const lost = (it: Subscriber, error: RpcError | undefined): State => it.lost(error);
const overdue = (it: Subscriber): State => it.breakOff(`the server did not answer in state ${it.state}`);
const remark = {
  throttle: (it, input) => it.throttled(input),
  commitOk: (it, input) => it.committed(input),
  error: (it, input) => it.refused(input),
} satisfies Partial<Row>;

/** The server says something that has no place in this state. */
const misplaced =
  (what: string) =>
  (it: Subscriber): State =>
    it.breakOff(`${what} came in state ${it.state}`);

const noAnswer = {
  subscribed: misplaced('Subscribed'),
  snapshotBegin: misplaced('SnapshotBegin'),
  snapshotChunk: misplaced('SnapshotChunk'),
  snapshotEnd: misplaced('SnapshotEnd'),
  batch: misplaced('a Batch'),
  progress: misplaced('Progress'),
  gap: misplaced('a Gap'),
} satisfies Partial<Row>;

const attached = {
  ...noAnswer,
  ...remark,
  up: stay,
  down: lost,
  reset: (it, input) => it.reset(input),
  unsubscribed: (it, input) => it.unsubscribed(input),
  retry: stay,
  overdue: stay,
  pause: (it) => it.pause(),
  resume: (it) => it.resume(),
  fail,
  end,
} satisfies Row;

/** Batches are taken. */
const streaming = {
  ...attached,
  batch: (it, input) => it.apply(input),
  progress: (it, input) => it.bookmark(input),
  gap: (it, input) => it.gap(input),
} satisfies Row;

/** Nothing that the server says is meant for this one any more. */
const detached = {
  ...remark,
  subscribed: stay,
  snapshotBegin: stay,
  snapshotChunk: stay,
  snapshotEnd: stay,
  batch: stay,
  progress: stay,
  gap: stay,
  reset: stay,
  unsubscribed: stay,
  up: stay,
  down: lost,
  retry: stay,
  overdue: stay,
  pause: (it) => it.pause(),
  resume: (it) => it.resume(),
  fail,
  end,
} satisfies Row;

const over = {
  ...detached,
  down: stay,
  throttle: stay,
  commitOk: stay,
  error: stay,
  pause: stay,
  resume: stay,
  fail: stay,
  end: stay,
} satisfies Row;

export const table: { readonly [S in State]: Row } = {
  Requested: { ...attached, subscribed: (it, input) => it.subscribed(input), overdue },
  Syncing: {
    ...attached,
    snapshotBegin: (it, input) => it.beginSnapshot(input),
    snapshotChunk: (it, input) => it.addChunk(input),
    snapshotEnd: (it, input) => it.endSnapshot(input),
    progress: stay,
    overdue,
  },
  CatchingUp: streaming,
  Live: streaming,
  Paused: streaming,
  Broken: { ...detached, retry: ask },
  Stale: { ...detached, up: ask, down: (it, error) => it.unreached(error) },
  Failed: over,
  Ended: over,
};

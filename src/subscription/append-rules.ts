/** Which group of updates may be appended: the same rules for every store, which tells what it knows. */
import { ownError } from '../call/own-error.js';
import type { Disposition, RpcError } from '../call/rpc-error.js';
import type { Reason } from '../contract/reasons.js';
import type { Generation } from './generation.js';
import type { Epoch } from './position.js';
import type { Append, Appended, TopicSpec } from './topic-store.js';

/** What the log says before the group is appended. */
export interface LogView {
  readonly topic: string;
  readonly epoch: Epoch;
  readonly head: number;
  /** The seq of the key's newest update; 0 when there is none, or it is a tombstone. */
  keySeq(key: string): number;
  /** Of the publications of a producer that are remembered, the lowest number and the highest; undefined when none is. */
  numbers(producerId: string): ProducerNumbers | undefined;
  /** Where a publication went that is remembered. */
  published(producerId: string, producerSeq: number): number | undefined;
  /** Which generation owns the update; undefined where that is not known. */
  generationOf(seq: number): Generation | undefined;
}

export interface ProducerNumbers {
  readonly oldest: number;
  readonly last: number;
}

/** Numbers of a producer that are remembered with their place at least, counted back from its last. */
export const remembered = 256;

/** Up to which number each producer of `group`, which was just appended, is forgotten: a group that is sent again is known whole. */
export function forgettable(group: readonly Append[]): ReadonlyMap<string, number> {
  const upTo = new Map<string, number>();
  for (const { producer } of group) {
    if (producer !== undefined) upTo.set(producer.id, producer.seq - Math.max(remembered, group.length));
  }
  return upTo;
}

/** The answers for a group that the log has already; undefined for one to append. Throws an RpcError ABORTED. */
export function checkAppend(group: readonly Append[], log: LogView): readonly Appended[] | undefined {
  const duplicates = duplicatesIn(group, log);
  if (duplicates !== undefined) return duplicates;
  for (const append of group) checkExpectation(append, log);
  return undefined;
}

/** How much is in the log before the group is appended. */
export interface Room {
  readonly head: number;
  /** Keys and tombstones. */
  readonly keys: number;
  /** There is the key, or its tombstone. */
  has(key: string): boolean;
}

/** Throws an RpcError RESOURCE_EXHAUSTED, `TOPIC_FULL`. */
export function checkRoom(group: readonly Append[], { name, keyed, maxKeys }: TopicSpec, room: Room): void {
  if (room.head + group.length > Number.MAX_SAFE_INTEGER) {
    throw full(`the topic ${name} has numbered as many updates as there are numbers`);
  }
  if (!keyed || room.keys + group.length <= maxKeys) return;
  const added = new Set(group.map(({ key }) => key).filter((key) => !room.has(key))).size;
  if (room.keys + added > maxKeys) {
    throw full(`the topic ${name} has ${room.keys} keys of ${maxKeys}; delete keys, or raise maxKeys`);
  }
}

function full(message: string): RpcError {
  return ownError('TOPIC_FULL', message, { disposition: 'not-executed' });
}

function duplicatesIn(group: readonly Append[], log: LogView): readonly Appended[] | undefined {
  const found: Appended[] = [];
  const before = new Map<string, number>();
  for (const { producer } of group) {
    if (producer === undefined) continue;
    checkOrder(producer, before, log);
    const seq = placeOf(producer, log);
    if (seq === undefined) continue;
    found.push({ position: { epoch: log.epoch, seq, generation: log.generationOf(seq) }, duplicate: true });
  }
  if (found.length === 0) return undefined;
  if (found.length === group.length) return found;
  throw aborted(
    'PRODUCER_SEQ_REUSED',
    `${found.length} of the ${group.length} updates of a group are in ${log.topic} already; a group is published again as it was`,
    log,
  );
}

type Producer = NonNullable<Append['producer']>;

/** The numbers of one producer rise within a group. */
function checkOrder({ id, seq }: Producer, before: Map<string, number>, log: LogView): void {
  const last = before.get(id);
  before.set(id, seq);
  if (last === undefined || seq > last) return;
  throw aborted(
    'PRODUCER_SEQ_PASSED',
    `within a group for ${log.topic} the number ${seq} of a producer follows its number ${last}; number the updates of a group upwards`,
    log,
  );
}

/** Where the publication is; undefined for a new one. A number is used up by what was appended, never by what was refused. */
function placeOf({ id, seq }: Producer, log: LogView): number | undefined {
  const numbers = log.numbers(id);
  if (numbers === undefined || seq > numbers.last) return undefined;
  const place = log.published(id, seq);
  if (place !== undefined) return place;
  const { oldest, last } = numbers;
  const missing = seq > oldest || seq > last - remembered;
  throw aborted(
    'PRODUCER_SEQ_PASSED',
    `the producer has published number ${last} in ${log.topic}, and its number ${seq} ${
      missing ? 'is not in the log' : 'is too old to say whether the log has it'
    }; publish it under a number above ${last}${missing ? '' : ' if it is not there'}`,
    log,
    missing ? 'not-executed' : 'unknown',
  );
}

function checkExpectation({ key, expect }: Append, log: LogView): void {
  if (expect === undefined) return;
  if (expect.epoch !== undefined && expect.epoch !== log.epoch) {
    throw aborted(
      'EXPECTATION_FAILED',
      `the epoch of ${log.topic} is ${log.epoch}, not ${expect.epoch}; read it again`,
      log,
    );
  }
  if (expect.seq !== undefined && expect.seq !== log.head) {
    throw aborted(
      'EXPECTATION_FAILED',
      `the head of ${log.topic} is ${log.head}, not ${expect.seq}; read what came between`,
      log,
    );
  }
  checkGeneration(expect.seq, expect.generation, log);
  checkGeneration(expect.keySeq, expect.keyGeneration, log);
  if (expect.keySeq !== undefined && expect.keySeq !== log.keySeq(key)) {
    throw aborted(
      'EXPECTATION_FAILED',
      `the newest update of the key ${JSON.stringify(key)} of ${log.topic} is ${log.keySeq(key)}, not ${expect.keySeq}; read it again`,
      log,
    );
  }
}

function checkGeneration(seq: number | undefined, expected: Generation | undefined, log: LogView): void {
  if (expected === undefined || seq === undefined || seq === 0 || log.generationOf(seq) === expected) return;
  throw aborted(
    'EXPECTATION_FAILED',
    `the update ${seq} of ${log.topic} is of the generation ${log.generationOf(seq) ?? 'unknown'}, not ${expected}: the log was put back; read it again`,
    log,
  );
}

function aborted(reason: Reason, message: string, log: LogView, disposition: Disposition = 'not-executed'): RpcError {
  const { epoch, head } = log;
  const generation = log.generationOf(head);
  return ownError(reason, message, {
    code: 'ABORTED',
    metadata: { epoch, head: String(head), ...(generation === undefined ? {} : { generation }) },
    disposition,
  });
}

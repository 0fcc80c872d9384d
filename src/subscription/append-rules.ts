/** Which group of updates may be appended: the same rules for every store, which tells what it knows. */
import { RpcError } from '../call/rpc-error.js';
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
  /** Where a publication went that the log has; undefined when it is new. */
  published(producerId: string, producerSeq: number): number | undefined;
  /** Which generation owns the update; undefined where that is not known. */
  generationOf(seq: number): Generation | undefined;
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
  return new RpcError('RESOURCE_EXHAUSTED', message, { reason: 'TOPIC_FULL', disposition: 'not-executed' });
}

function duplicatesIn(group: readonly Append[], log: LogView): readonly Appended[] | undefined {
  const found: Appended[] = [];
  for (const { producer } of group) {
    if (producer === undefined) continue;
    const seq = log.published(producer.id, producer.seq);
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

function aborted(reason: string, message: string, log: LogView): RpcError {
  const { epoch, head } = log;
  const generation = log.generationOf(head);
  return new RpcError('ABORTED', message, {
    reason,
    metadata: { epoch, head: String(head), ...(generation === undefined ? {} : { generation }) },
    disposition: 'not-executed',
  });
}

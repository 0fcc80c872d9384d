/**
 * Reads one message: what emitted code calls for tags and for fields that hold more than a scalar.
 *
 * The reader knows where the innermost message ends, and `tag` returns 0 there, so emitted code is a loop over tags. Fields that
 * the code does not know are kept as bytes until the message is complete.
 */

import { HIGH, LOW, words } from '../bytes/scratch.js';
import type { LongType } from './long-type.js';
import type { EnumType, ValueType } from './message-type.js';
import { type ReadName, ScalarReader } from './scalar-reader.js';
import { UnknownRuns } from './unknown.js';
import { wireTypes } from './wire-types.js';
import { deepest, type ItemType, ProtoWriter } from './writer.js';
import { zeroOf } from './zero.js';

/** The first push to an array makes room for 17; a later one takes a slot, and what growing by half wastes. */
const firstPush = 144;
const push = 12;
/** A slot of a list or a map with a number in it that is an object of its own. */
const numberCost = 24;
/** A property of an object without a prototype, in a hash table that is a third full at worst. */
const propertyCost = 72;
const mapEntryCost = 56;
/** What is remembered of a run of unknown fields until the message is complete, besides its bytes. */
const runCost = 400;

const closed = -1;

export class ProtoReader extends ScalarReader {
  private depth = 0;
  /** The number of the group that is being read and the depth it is at, 0 when there is none. */
  private group = 0;
  private groupDepth = 0;
  private unknown: UnknownRuns | undefined;
  /** Where the last tag of several bytes began. */
  private tagStart = 0;

  override reset(bytes: Uint8Array, allowance?: number): void {
    super.reset(bytes, allowance);
    this.depth = 0;
    this.group = 0;
    this.groupDepth = 0;
    this.unknown = undefined;
  }

  override clear(): void {
    super.clear();
    this.unknown = undefined;
  }

  /** The tag of the next field, 0 at the end of the message. */
  tag(): number {
    const { pos } = this;
    if (pos >= this.end) return 0;
    const byte = this.bytes[pos] as number;
    if (byte > 7 && byte < 0x80) {
      this.pos = pos + 1;
      return byte;
    }
    return this.longTag();
  }

  /** An embedded message; `tag` says whether it is a group. One that came before is merged into. */
  message<T>(tag: number, type: ValueType<T>, into: T | undefined): T {
    if ((tag & 7) === 3) return this.readGroup(tag >>> 3, type, into);
    const length = this.size();
    const { end } = this;
    this.end = this.pos + length;
    if (++this.depth > deepest) this.tooDeep();
    const value = type.read(this, into);
    this.depth--;
    this.end = end;
    return value;
  }

  /**
   * A message in a oneof, whose property in `message` is `property`. By name, since in a oneof of hundreds each reference to the
   * property costs the compiler of emitted code a look at all its assignments.
   */
  oneof<T, Case extends string>(
    tag: number,
    type: ValueType<T>,
    message: object,
    property: string,
    $case: Case,
  ): { $case: Case; value: T } {
    const before = (message as Record<string, { $case: string; value: T } | undefined>)[property];
    const into = before?.$case === $case ? before.value : undefined;
    return { $case, value: this.message(tag, type, into) };
  }

  /** An element of a list of messages. */
  add<T>(tag: number, list: T[], type: ValueType<T>): void {
    this.charge(list.length === 0 ? firstPush : push);
    list.push(this.message(tag, type, undefined));
  }

  /** One element, or a run of packed ones. */
  list<T>(tag: number, list: T[], type: ReadName | LongType): void {
    const cost = push + numberCost;
    if (list.length === 0) this.charge(firstPush);
    if (type === 'string' || type === 'unchecked') {
      this.charge(cost);
      list.push(this.text(type === 'string') as T);
      return;
    }
    if ((tag & 7) !== 2 || type === 'bytes') {
      this.charge(cost);
      list.push(this.item(type) as T);
      return;
    }
    const length = this.size();
    const { end } = this;
    this.end = this.pos + length;
    while (this.pos < this.end) {
      this.charge(cost);
      list.push(this.item(type) as T);
    }
    this.end = end;
  }

  /** An entry of a map. Of a closed enum that does not know the value, the whole entry is an unknown field of `message`. */
  map(
    tag: number,
    entries: object,
    key: ReadName,
    type: ItemType | EnumType | 'unchecked',
    message: object | undefined,
  ): void {
    const start = this.startOf(tag);
    const length = this.size();
    const { end } = this;
    this.end = this.pos + length;
    if (++this.depth > deepest) this.tooDeep();
    let name: unknown;
    let value: unknown;
    const keyTag = key === 'string' ? 10 : 8 | wireTypes[key];
    const valueTag = type === 'string' ? 18 : 16 | wireTypeOf(type);
    for (let inner = this.tag(); inner !== 0; inner = this.tag()) {
      if (inner === keyTag) name = key === 'string' ? this.string() : this.scalar(key);
      else if (inner !== valueTag) this.skip(inner);
      else if (type === 'string') value = this.string();
      else if (typeof type === 'string' || !('typeName' in type)) value = this.item(type);
      else value = this.message(inner, type, value);
    }
    this.depth--;
    this.end = end;
    if (name === undefined) name = zeroOf(key);
    if (value === undefined) value = zeroOf(type);
    if (typeof type === 'object' && 'names' in type && !type.names.has(value as number)) {
      this.keep(message, start, this.pos);
    } else if (entries instanceof Map) {
      this.charge(mapEntryCost);
      entries.set(name, value);
    } else {
      this.charge(propertyCost);
      (entries as Record<string, unknown>)[name as string] = value;
    }
  }

  /** An enum that is closed: a number that it does not know is an unknown field, and what was there before stays. */
  closed<T>(tag: number, type: EnumType, message: object, before: T): T {
    const start = this.startOf(tag);
    const value = this.int32();
    if (type.names.has(value)) return value as T;
    this.keep(message, start, this.pos);
    return before;
  }

  /** The same in a oneof. */
  closedCase<T>(tag: number, type: EnumType, message: object, property: string, $case: string): T {
    const value = this.closed<number | undefined>(tag, type, message, undefined);
    return (value === undefined ? (message as Record<string, unknown>)[property] : { $case, value }) as T;
  }

  closedList<T>(tag: number, list: T[], type: EnumType, message: object): void {
    if ((tag & 7) !== 2) {
      const value = this.closed<T | undefined>(tag, type, message, undefined);
      if (value === undefined) return;
      this.charge(list.length === 0 ? firstPush : push);
      list.push(value);
      return;
    }
    const length = this.size();
    const { end } = this;
    this.end = this.pos + length;
    while (this.pos < this.end) {
      const start = this.pos;
      const value = this.int32();
      if (type.names.has(value)) {
        this.charge(list.length === 0 ? firstPush : push);
        list.push(value as T);
      } else {
        this.keepTagged((tag & ~7) >>> 0, message, start, this.pos);
      }
    }
    this.end = end;
  }

  /** What emitted code does not know: a field to keep for `message`, if there is one, or the end of a group. */
  other(tag: number, message: object | undefined): void {
    if ((tag & 7) === 4) {
      this.endGroup(tag >>> 3);
      return;
    }
    const start = this.startOf(tag);
    this.skip(tag);
    this.keep(message, start, this.pos);
  }

  /** Called when the outermost message is complete. */
  finish(): void {
    this.unknown?.attach();
  }

  private item(type: ReadName | LongType | EnumType): unknown {
    if (typeof type === 'string') return this.scalar(type);
    return 'names' in type ? this.int32() : type.fromBigint(this.scalar(type.scalar) as bigint);
  }

  private readGroup<T>(number: number, type: ValueType<T>, into: T | undefined): T {
    const { end, group, groupDepth } = this;
    if (++this.depth > deepest) this.tooDeep();
    this.group = number;
    this.groupDepth = this.depth;
    const value = type.read(this, into);
    if (this.group !== closed) this.fault(`group ${number} does not end`);
    this.depth--;
    this.end = end;
    this.group = group;
    this.groupDepth = groupDepth;
    return value;
  }

  private endGroup(number: number): void {
    if (this.group !== number || this.groupDepth !== this.depth) this.fault(`group ${number} ends, but none has begun`);
    this.group = closed;
    // Lets `tag` say that the message ends; the group's reader sets it back.
    this.end = this.pos;
  }

  private longTag(): number {
    this.tagStart = this.pos;
    this.varint();
    const tag = (words[LOW] as number) >>> 0;
    if (words[HIGH] !== 0) this.fault('a tag is longer than 32 bits');
    if (tag < 8) this.fault('there is no field number 0');
    return tag;
  }

  /** Where the tag began that has just been read. */
  private startOf(tag: number): number {
    return this.bytes[this.pos - 1] === tag ? this.pos - 1 : this.tagStart;
  }

  private skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.varint();
        break;
      case 1:
        this.pass(8);
        break;
      case 2:
        this.pass(this.size());
        break;
      case 3:
        this.skipGroup(tag >>> 3);
        break;
      case 4:
        this.fault(`group ${tag >>> 3} ends, but none has begun`);
        break;
      case 5:
        this.pass(4);
        break;
      default:
        this.fault(`there is no wire type ${tag & 7}`);
    }
  }

  private skipGroup(number: number): void {
    if (++this.depth > deepest) this.tooDeep();
    for (let tag = this.tag(); ; tag = this.tag()) {
      if (tag === 0) this.fault(`group ${number} does not end`);
      if ((tag & 7) !== 4) this.skip(tag);
      else if (tag >>> 3 === number) break;
      else this.fault(`group ${tag >>> 3} ends within group ${number}`);
    }
    this.depth--;
  }

  private pass(count: number): void {
    if (count > this.end - this.pos) this.short(count);
    this.pos += count;
  }

  private keep(message: object | undefined, start: number, end: number): void {
    if (message === undefined) return;
    this.unknown ??= new UnknownRuns();
    this.charge((this.unknown.follows(message, start) ? 0 : runCost) + 2 * (end - start));
    this.unknown.add(message, this.bytes, start, end);
  }

  /** The same of a value out of a packed run, with a tag of its own. */
  private keepTagged(tag: number, message: object, start: number, end: number): void {
    this.charge(runCost);
    const writer = new ProtoWriter();
    writer.uint32(0, tag, true);
    writer.raw(this.bytes.subarray(start, end));
    const run = writer.finish();
    this.unknown ??= new UnknownRuns();
    this.unknown.add(message, run, 0, run.length);
  }

  private tooDeep(): never {
    this.fault(`messages nest deeper than ${deepest}`);
  }
}

function wireTypeOf(type: ItemType | EnumType | 'unchecked'): number {
  if (typeof type === 'string') return wireTypes[type];
  return 'typeName' in type ? 2 : 'names' in type ? 0 : wireTypes[type.scalar];
}

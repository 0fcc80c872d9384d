/**
 * Readers of protobuf messages, kept between messages: a new one, with its view of the bytes, costs as much as a short message.
 * They make texts of an id's length without a view of their bytes, which would cost as much again.
 */
import { Buffer } from 'node:buffer';
import { BinaryReader } from '@bufbuild/protobuf/wire';

/** How many are kept. More are in use at once only where decoders nest. */
const kept = 4;
/** Bytes of a text that the library is not the faster one for: it takes shorter ones by hand, and longer ones cost by themselves. */
const byHand = { least: 33, most: 127 } as const;

/** What this library keeps to itself: there is no other way to give a reader other bytes. */
interface Reading {
  buf?: unknown;
  len?: unknown;
  pos?: unknown;
}

const nothing = Buffer.alloc(0);

export class KeptReader extends BinaryReader {
  source: Buffer;
  /** What `view` is, see below: the library's, which it makes at once, then one for each source that is asked for it. */
  declare ownView: DataView | undefined;
  /** Whether it is built as we know it, so that it can be given other bytes. */
  readonly reusable: boolean;

  constructor(source: Buffer) {
    super(source);
    this.source = source;
    const own = this as unknown as Reading;
    this.reusable =
      own.buf === source && own.len === source.length && own.pos === 0 && this.ownView instanceof DataView;
  }

  read(source: Buffer): this {
    const own = this as unknown as Reading;
    this.source = source;
    this.ownView = undefined;
    own.buf = source;
    own.len = source.length;
    own.pos = 0;
    return this;
  }

  override string(strict?: boolean): string {
    const { source, pos } = this;
    const length = source[pos] ?? 0;
    const end = pos + 1 + length;
    // What is wrong with the bytes the library says.
    if (length < byHand.least || length > byHand.most || end > this.len || strict === true) return super.string(strict);
    this.pos = end;
    return source.toString('utf8', pos + 1, end);
  }
}

// Most messages have no number of a fixed width. Of the prototype: one of its own would make each reader slow to look at.
Object.defineProperty(KeptReader.prototype, 'view', {
  get(this: KeptReader): DataView {
    const { buffer, byteOffset, byteLength } = this.source;
    this.ownView ??= new DataView(buffer, byteOffset, byteLength);
    return this.ownView;
  },
  set(this: KeptReader, view: DataView) {
    this.ownView = view;
  },
});

const readers: KeptReader[] = [];

/** The message that is in `bytes`. */
export function readFrom<T>(message: { decode(input: BinaryReader | Uint8Array): T }, bytes: Uint8Array): T {
  if (!(bytes instanceof Buffer)) return message.decode(bytes);
  const reader = readers.pop()?.read(bytes) ?? new KeptReader(bytes);
  // One that failed halfway is not kept.
  const value = message.decode(reader);
  if (readers.length < kept && reader.reusable) readers.push(reader.read(nothing));
  return value;
}

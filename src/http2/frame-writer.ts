/** Writes frames into the outbox, and counts those that a peer can make us send. */
import { Flag, FrameType, frameHeaderBytes, putFrameHeader, putUint32 } from './frame.js';
import type { Outbox } from './outbox.js';

/** Bytes of a PING or RST_STREAM, about. */
const reactionBytes = 17;

export class FrameWriter {
  readonly outbox: Outbox;
  /** Bytes of acknowledgements and resets since the pipe took a write. */
  reactions = 0;

  constructor(outbox: Outbox) {
    this.outbox = outbox;
  }

  /** Where frames are written; `frame` or `outbox.reserve` has just made it. */
  get chunk(): Uint8Array {
    return this.outbox.chunk as Uint8Array;
  }

  /** Writes the header of a frame whose payload the caller writes next, and returns where; `outbox.at` is then behind it. */
  frame(length: number, type: number, flags: number, id: number): number {
    const { outbox } = this;
    const start = outbox.reserve(frameHeaderBytes + length);
    const payload = putFrameHeader(outbox.chunk as Uint8Array, start, length, type, flags, id);
    outbox.at = payload + length;
    return payload;
  }

  settings(values: readonly (readonly [setting: number, value: number])[]): void {
    let at = this.frame(values.length * 6, FrameType.SETTINGS, 0, 0);
    const bytes = this.chunk;
    for (const [setting, value] of values) {
      bytes[at] = 0;
      bytes[at + 1] = setting;
      at = putUint32(bytes, at + 2, value);
    }
  }

  settingsAck(): void {
    this.#react();
    this.frame(0, FrameType.SETTINGS, Flag.ACK, 0);
  }

  windowUpdate(id: number, increment: number): void {
    const at = this.frame(4, FrameType.WINDOW_UPDATE, 0, id);
    putUint32(this.chunk, at, increment);
  }

  rstStream(id: number, code: number): void {
    this.#react();
    const at = this.frame(4, FrameType.RST_STREAM, 0, id);
    putUint32(this.chunk, at, code);
  }

  ping(payload: Uint8Array, from: number, ack: boolean): void {
    if (ack) this.#react();
    const at = this.frame(8, FrameType.PING, ack ? Flag.ACK : 0, 0);
    for (let i = 0; i < 8; i++) this.chunk[at + i] = payload[from + i] as number;
  }

  goAway(lastId: number, code: number, debug: string): void {
    const text = debug.slice(0, 256);
    let at = this.frame(8 + text.length, FrameType.GOAWAY, 0, 0);
    const bytes = this.chunk;
    at = putUint32(bytes, putUint32(bytes, at, lastId), code);
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i) & 0x7f;
  }

  #react(): void {
    this.reactions += reactionBytes;
  }
}

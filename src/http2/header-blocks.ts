/**
 * Header blocks out of HEADERS and CONTINUATION frames. A block that comes in one frame is decoded where it stands; the parts of
 * another are kept until it ends, which it must in time and within so many frames.
 * Source: RFC 9113, section 4.3.
 */
import type { Host } from './byte-pipe.js';
import { ConnectionError, ErrorCode, frameSizeError, protocolError } from './error-code.js';
import { Flag, FrameType, uint31 } from './frame.js';
import type { HeaderList } from './header-list.js';
import { HpackDecoder } from './hpack-decoder.js';
import type { ConnectionLimits } from './limits.js';

export interface HeaderBlockOwner {
  /** `selfDependent`: the frame's priority names its own stream, which is a fault of the stream. */
  headers(id: number, list: HeaderList, end: boolean, selfDependent: boolean): void;
  /** A header block has begun and not ended, or has ended. */
  blockOpen(open: boolean): void;
}

interface OpenBlock {
  readonly id: number;
  readonly end: boolean;
  readonly selfDependent: boolean;
  readonly parts: Uint8Array[];
  bytes: number;
}

export class HeaderBlocks {
  readonly #owner: HeaderBlockOwner;
  readonly #host: Host;
  readonly #limits: ConnectionLimits;
  readonly #decoder: HpackDecoder;
  #block: OpenBlock | undefined;

  constructor(owner: HeaderBlockOwner, host: Host, limits: ConnectionLimits) {
    this.#owner = owner;
    this.#host = host;
    this.#limits = limits;
    this.#decoder = new HpackDecoder(host, 4_096, limits.maxHeaderListSize);
  }

  /** Throws where a block is open that a frame of this type and stream may not come between. */
  check(type: number, id: number): void {
    if (this.#block !== undefined && (type !== FrameType.CONTINUATION || id !== this.#block.id)) {
      throw protocolError('a header block is cut by another frame');
    }
  }

  headers(flags: number, id: number, bytes: Uint8Array, start: number, stop: number): void {
    if (id === 0) throw protocolError('HEADERS on stream 0');
    let from = start;
    let to = stop;
    let selfDependent = false;
    if ((flags & Flag.PADDED) !== 0) {
      if (from === to) throw frameSizeError('HEADERS has no length of its padding');
      to -= bytes[from++] as number;
    }
    if ((flags & Flag.PRIORITY) !== 0) {
      if (stop - from < 5) throw frameSizeError('HEADERS is shorter than its priority');
      selfDependent = uint31(bytes, from) === id;
      from += 5;
    }
    if (to < from) throw protocolError('HEADERS is shorter than its padding');
    const end = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.#owner.headers(id, this.#decoder.decode(bytes, from, to), end, selfDependent);
      return;
    }
    this.#block = { id, end, selfDependent, parts: [copyOf(bytes, from, to)], bytes: to - from };
    this.#owner.blockOpen(true);
  }

  continuation(flags: number, id: number, bytes: Uint8Array, from: number, to: number): void {
    const block = this.#block;
    if (block === undefined) throw protocolError('CONTINUATION without HEADERS');
    block.bytes += to - from;
    if (block.parts.length > this.#limits.maxContinuations) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'a header block is too large');
    }
    block.parts.push(copyOf(bytes, from, to));
    if ((flags & Flag.END_HEADERS) === 0) return;
    this.#block = undefined;
    this.#owner.blockOpen(false);
    const whole = this.#host.allocate(block.bytes);
    let at = 0;
    for (const part of block.parts) {
      whole.set(part, at);
      at += part.length;
    }
    this.#owner.headers(id, this.#decoder.decode(whole, 0, block.bytes), block.end, block.selfDependent);
  }
}

/** `slice` of a Node Buffer would not copy. */
function copyOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.subarray(from, to));
}

/**
 * A connection of a listener, as the listener looks after it: what it holds for a peer that does not read, and when a call last
 * came on it.
 */
import type { Clock } from '../../../call/clock.js';
import type { Logger } from '../../../call/logger.js';
import { type Owner, ownerOf } from '../../../call/owner.js';
import { countRefusal } from '../../../call/refusals.js';
import type { Connection } from '../../../http2/connection.js';
import { ErrorCode } from '../../../http2/error-code.js';
import type { Holder, Holdings } from '../../holdings.js';

export interface ServedConnectionTerms {
  readonly logger: Logger;
  readonly holdings: Holdings;
  readonly maxOutputBytes: number;
  readonly maxServerBytes: number;
}

export class ServedConnection implements Holder {
  readonly owner: Owner;
  readonly #address: string;
  readonly #terms: ServedConnectionTerms;
  #connection: Connection | undefined;
  /** Calls that have come. */
  calls = 0;
  #callsBefore = -1;
  #idleSince = 0;
  #retired = false;
  #heard = -1;
  #heardAt = 0;

  constructor(address: string, terms: ServedConnectionTerms) {
    this.#address = address;
    this.#terms = terms;
    this.owner = ownerOf('', address);
  }

  /** The engine's. Read by the listener once it has begun. */
  get connection(): Connection {
    if (this.#connection === undefined) throw new Error('the connection has not begun');
    return this.#connection;
  }

  set connection(connection: Connection) {
    this.#connection = connection;
  }

  /** When the bytes came that are being read: once for all requests among them. */
  arrivedAt(clock: Clock): number {
    const { heard } = this.connection;
    if (heard !== this.#heard) {
      this.#heard = heard;
      this.#heardAt = clock.now();
    }
    return this.#heardAt;
  }

  get heldBytes(): number {
    return this.#connection?.unsent ?? 0;
  }

  /** More waits for the peer to read. */
  waits(bytes: number): void {
    this.#terms.holdings.grown(this, bytes);
  }

  /** More waits than may; the engine ends the connection. */
  unread(bytes: number): void {
    countRefusal('OUTPUT_UNREAD');
    this.#warn(
      `closed: ${bytes} bytes wait for a peer that does not read; the limit is ${this.#terms.maxOutputBytes} (grpc.maxOutputBytes)`,
    );
  }

  cutOff(total: number): void {
    countRefusal('SERVER_BYTES');
    this.#warn(
      `closed: the connections of this listener hold ${total} bytes for peers that do not read, and this one most, ${this.heldBytes}; the limit is ${this.#terms.maxServerBytes} (grpc.maxServerBytes)`,
    );
    this.#connection?.fail(ErrorCode.ENHANCE_YOUR_CALM, 'the server holds too many bytes for peers that do not read');
  }

  gone(): void {
    this.#terms.holdings.gone(this);
  }

  /** Whether no call has come, or was open, for `ms`. Asked again and again. */
  isIdle(ms: number, now: number): boolean {
    if (this.connection.size > 0 || this.calls !== this.#callsBefore) {
      this.#callsBefore = this.calls;
      this.#idleSince = now;
      return false;
    }
    return now - this.#idleSince >= ms;
  }

  /** In good order: a call that is on its way is served, or refused unseen. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    countRefusal('CONNECTION_IDLE');
    this.connection.drain();
  }

  #warn(sentence: string): void {
    this.#terms.logger.warn({ transport: 'grpc', peer: this.#address }, sentence);
  }
}

/**
 * Answers in the order of the questions. Thrift clients match an answer by its place in the
 * stream, so one that is ready early waits for those before it.
 */

/** The place of one answer. Its bytes are undefined while the answer is not ready. */
export interface ReplySlot {
  bytes: Buffer | undefined;
}

export class ReplyQueue {
  readonly #send: (bytes: Buffer) => void;
  #slots: ReplySlot[] = [];
  #head = 0;
  /** Bytes that are ready and wait for an earlier answer. */
  #waiting = 0;

  constructor(send: (bytes: Buffer) => void) {
    this.#send = send;
  }

  get size(): number {
    return this.#slots.length - this.#head;
  }

  get waitingBytes(): number {
    return this.#waiting;
  }

  reserve(): ReplySlot {
    const slot: ReplySlot = { bytes: undefined };
    this.#slots.push(slot);
    return slot;
  }

  fill(slot: ReplySlot, bytes: Buffer): void {
    slot.bytes = bytes;
    this.#waiting += bytes.length;
    for (let next = this.#slots[this.#head]; next?.bytes !== undefined; next = this.#slots[this.#head]) {
      this.#head++;
      this.#waiting -= next.bytes.length;
      this.#send(next.bytes);
    }
    if (this.#head === this.#slots.length) {
      this.#slots = [];
      this.#head = 0;
    } else if (this.#head > 256) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
  }
}

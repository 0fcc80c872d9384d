/**
 * What a connection is about to send. Messages of one turn of the event loop leave in one write:
 * at small messages the system calls are most of the cost.
 */
import type { Socket } from 'node:net';

/** Messages below this size are joined; copying a larger one costs more than a write of its own. */
const joinBelow = 16_384;
const mostJoined = 65_536;
/** Copies that a first run has room for. */
const firstCopies = 8;

export class Outbox {
  readonly #socket: Socket;
  readonly #onFlush: () => void;
  #messages: Buffer[] = [];
  #bytes = 0;
  /** Where copies are put one behind the other, and how far it is filled. */
  #run: Buffer | undefined;
  #runEnd = 0;
  /** Bytes of the turn's copies, and of the last turn's that had any: the next will be much like it. */
  #copied = 0;
  #expected = 0;
  #whenSent: ((error?: Error | null) => void)[] = [];
  #ending = false;
  /** Counts flushes: a message put in during batch n has been handed to the socket once `batch` exceeds n. */
  batch = 0;

  constructor(socket: Socket, onFlush: () => void) {
    this.#socket = socket;
    this.#onFlush = onFlush;
  }

  /** Bytes that the operating system has not taken yet. */
  get bytes(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  /** `sent` runs when the operating system has taken the message, or with the error that kept it from it. */
  put(message: Buffer, sent?: (error?: Error | null) => void): void {
    this.#schedule();
    this.#closeRun();
    this.#messages.push(message);
    this.#bytes += message.length;
    if (sent !== undefined) this.#whenSent.push(sent);
  }

  /**
   * Puts a copy of `template` with `value` as the four bytes at `at`. For what is the same but for a number, and comes in
   * great numbers: a turn's copies take one piece of memory.
   */
  putCopy(template: Buffer, at: number, value: number): void {
    this.#schedule();
    const { length } = template;
    let run = this.#run;
    if (run === undefined || this.#runEnd + length > run.length) {
      this.#closeRun();
      const room = Math.min(mostJoined, Math.max(length * firstCopies, this.#copied, this.#expected));
      run = Buffer.allocUnsafe(Math.max(length, room));
      this.#run = run;
    }
    const start = this.#runEnd;
    run.set(template, start);
    run.writeInt32BE(value, start + at);
    this.#runEnd = start + length;
    this.#copied += length;
    this.#bytes += length;
  }

  /** Sends what is left, then closes our side of the connection. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (this.#empty) this.#socket.end();
  }

  get #empty(): boolean {
    return this.#messages.length === 0 && this.#run === undefined;
  }

  #schedule(): void {
    if (this.#empty) process.nextTick(() => this.#flush());
  }

  #closeRun(): void {
    if (this.#run === undefined) return;
    this.#messages.push(this.#run.subarray(0, this.#runEnd));
    this.#run = undefined;
    this.#runEnd = 0;
  }

  #flush(): void {
    this.#closeRun();
    if (this.#copied > 0) this.#expected = this.#copied;
    this.#copied = 0;
    const messages = this.#messages;
    const whenSent = this.#whenSent;
    this.#messages = [];
    this.#whenSent = [];
    this.#bytes = 0;
    this.batch++;
    const done =
      whenSent.length === 0
        ? undefined
        : (error?: Error | null): void => {
            for (const sent of whenSent) sent(error);
          };
    if (this.#socket.destroyed) done?.(new Error('the connection is closed'));
    else {
      this.#write(messages, done);
      if (this.#ending) this.#socket.end();
    }
    this.#onFlush();
  }

  #write(messages: Buffer[], done: ((error?: Error | null) => void) | undefined): void {
    const only = messages[0] as Buffer;
    if (messages.length === 1) {
      this.#socket.write(only, done);
      return;
    }
    const pieces = joined(messages);
    this.#socket.cork();
    for (let i = 0; i < pieces.length - 1; i++) this.#socket.write(pieces[i] as Buffer);
    this.#socket.write(pieces[pieces.length - 1] as Buffer, done);
    this.#socket.uncork();
  }
}

/** The same bytes in the same order, with runs of small messages joined. */
function joined(messages: readonly Buffer[]): Buffer[] {
  const pieces: Buffer[] = [];
  let run: Buffer[] = [];
  let bytes = 0;
  const close = (): void => {
    if (run.length > 0) pieces.push(run.length === 1 ? (run[0] as Buffer) : Buffer.concat(run, bytes));
    run = [];
    bytes = 0;
  };
  for (const message of messages) {
    if (bytes + message.length > mostJoined || message.length >= joinBelow) close();
    if (message.length >= joinBelow) pieces.push(message);
    else {
      run.push(message);
      bytes += message.length;
    }
  }
  close();
  return pieces;
}

/**
 * What a connection is about to send. Messages of one turn of the event loop leave in one write:
 * at small messages the system calls are most of the cost.
 */
import type { Socket } from 'node:net';

/** Messages below this size are joined; copying a larger one costs more than a write of its own. */
const joinBelow = 16_384;
const mostJoined = 65_536;

/** A message that is sent again and again, the same but for the four bytes at `at`. */
export interface Template {
  readonly bytes: Buffer;
  readonly at: number;
}

export class Outbox {
  readonly #socket: Socket;
  readonly #onFlush: () => void;
  #messages: Buffer[] = [];
  #bytes = 0;
  /** Copies that leave one behind the other: of what, and the number that each has. They are made in one go. */
  #template: Template | undefined;
  #numbers: number[] = [];
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

  /** Puts a copy of `template` with `number` in its place. For what comes in great numbers: of the copy nothing is made yet. */
  putCopy(template: Template, number: number): void {
    this.#schedule();
    const { length } = template.bytes;
    if (template !== this.#template || (this.#numbers.length + 1) * length > mostJoined) this.#closeRun();
    this.#template = template;
    this.#numbers.push(number);
    this.#bytes += length;
  }

  /** Sends what is left, then closes our side of the connection. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (this.#empty) this.#socket.end();
  }

  get #empty(): boolean {
    return this.#messages.length === 0 && this.#template === undefined;
  }

  #schedule(): void {
    if (this.#empty) process.nextTick(() => this.#flush());
  }

  #closeRun(): void {
    if (this.#template === undefined) return;
    this.#messages.push(copiesOf(this.#template, this.#numbers));
    this.#template = undefined;
    this.#numbers = [];
  }

  #flush(): void {
    this.#closeRun();
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

/** One piece of memory that holds a copy for each number. */
function copiesOf({ bytes, at }: Template, numbers: readonly number[]): Buffer {
  const { length } = bytes;
  const run = Buffer.allocUnsafe(numbers.length * length);
  run.set(bytes);
  for (let filled = length; filled < run.length; filled *= 2) run.copyWithin(filled, 0, filled);
  for (let i = 0; i < numbers.length; i++) run.writeInt32BE(numbers[i] as number, i * length + at);
  return run;
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

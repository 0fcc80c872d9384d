/**
 * What a connection is about to send. Messages of one turn of the event loop leave in one write:
 * at small messages the system calls are most of the cost.
 */
import type { Socket } from 'node:net';

/** Messages below this size are joined; copying a larger one costs more than a write of its own. */
const joinBelow = 16_384;
const mostJoined = 65_536;

export class Outbox {
  readonly #socket: Socket;
  readonly #onFlush: () => void;
  #messages: Buffer[] = [];
  #bytes = 0;
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
    if (this.#messages.length === 0) process.nextTick(() => this.#flush());
    this.#messages.push(message);
    this.#bytes += message.length;
    if (sent !== undefined) this.#whenSent.push(sent);
  }

  /** Sends what is left, then closes our side of the connection. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (this.#messages.length === 0) this.#socket.end();
  }

  #flush(): void {
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

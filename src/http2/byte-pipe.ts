/**
 * What the engine stands on: a pipe of bytes, and the machine's time, turns and memory. Sockets, TLS, WebSockets and a test's
 * memory implement them; the engine imports nothing of Node.
 */

/** An open connection, in order and reliable. The engine sets `receiver` when it takes the pipe over. */
export interface BytePipe {
  receiver: PipeReceiver;
  /**
   * Sends `chunks` one behind the other. The engine waits for `receiver.written` before it writes again, and does not touch the
   * chunks until then.
   */
  write(chunks: readonly Uint8Array[]): void;
  /** Asks for no more `receiver.received` until `resume`. */
  pause(): void;
  resume(): void;
  /** Closes the sending side when all bytes are sent. */
  end(): void;
  /** Closes both sides at once. `receiver.lost` follows. */
  destroy(): void;
}

export interface PipeReceiver {
  /** The pipe never writes to `bytes` again. */
  received(bytes: Uint8Array): void;
  /** The chunks of the last `write` are in the hands of the operating system. */
  written(): void;
  /** The peer closed its sending side. */
  ended(): void;
  /** The pipe is closed. Called once, last. */
  lost(error: Error | undefined): void;
}

export interface Host {
  /** Milliseconds on a monotonic clock. */
  now(): number;
  /** Runs `fn` once, `ms` from now; returns what cancels it. Such a timer must not keep the process running. */
  setTimer(fn: () => void, ms: number): () => void;
  /** Runs `fn` after the input of this turn of the event loop, so that all of its output leaves in one write. */
  defer(fn: () => void): void;
  /** Memory with any content that nothing else shares. */
  allocate(bytes: number): Uint8Array;
  /** The bytes of [from, to) as text, one character each. */
  latin1(bytes: Uint8Array, from: number, to: number): string;
}

/** `Host.latin1` for a machine that has nothing faster. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  let at = from;
  for (; at + 8 <= to; at += 8) {
    text += String.fromCharCode(
      bytes[at] as number,
      bytes[at + 1] as number,
      bytes[at + 2] as number,
      bytes[at + 3] as number,
      bytes[at + 4] as number,
      bytes[at + 5] as number,
      bytes[at + 6] as number,
      bytes[at + 7] as number,
    );
  }
  for (; at < to; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}

/** Looks at the first bytes of a connection without taking them away from the protocol that reads on. */
import type { Socket } from 'node:net';

/** What was seen, and how many of the bytes are used up by it. */
export interface Seen<T> {
  readonly value: T;
  readonly used: number;
}

/**
 * Gives `look` all that has come so far, until it has seen enough. `look` bounds the bytes that it asks for. Then the socket is
 * paused, with the bytes that are not used put back, and `done` hands it on.
 */
export function lookAhead<T>(
  socket: Socket,
  look: (bytes: Buffer) => Seen<T> | undefined,
  done: (value: T) => void,
): void {
  let held: Buffer | undefined;
  const onData = (chunk: Buffer): void => {
    held = held === undefined ? chunk : Buffer.concat([held, chunk]);
    const seen = look(held);
    if (seen === undefined) return;
    socket.off('data', onData);
    socket.pause();
    if (seen.used < held.length) socket.unshift(held.subarray(seen.used));
    done(seen.value);
  };
  socket.on('data', onData);
  socket.resume();
}

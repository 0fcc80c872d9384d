/**
 * Inflates and deflates payloads. What is small is done at once; what is not is done aside, in the thread pool, a few at a time for
 * the whole process, so that neither the event loop nor memory is taken by one peer.
 */
import { deflate, type InputType, inflate, inflateSync } from 'node:zlib';

/** Bytes, not compressed, that are inflated or deflated at once. */
export const mostAtOnce = 65_536;
/** Large payloads that are worked on at a time; each may come to be as large as a frame. */
const atATime = 4;

let running = 0;
const waiting: (() => void)[] = [];

export type Inflated = (error: NodeJS.ErrnoException | null, bytes: Buffer) => void;

/** The bytes, or undefined when there are more than are inflated at once. Throws zlib's error for what is none, or over `limit`. */
export function inflateSmall(payload: Uint8Array, limit: number): Buffer | undefined {
  const maxOutputLength = Math.min(limit, mostAtOnce);
  try {
    return inflateSync(payload, { maxOutputLength });
  } catch (error) {
    if (maxOutputLength < limit && isTooLarge(error)) return undefined;
    throw error;
  }
}

export function isTooLarge(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'ERR_BUFFER_TOO_LARGE';
}

export function inflateLarge(payload: InputType, limit: number, done: Inflated): void {
  aside((ended) => inflate(payload, { maxOutputLength: limit }, ended), done);
}

export function deflateLarge(payload: InputType, done: Inflated): void {
  aside((ended) => deflate(payload, ended), done);
}

function aside(work: (ended: Inflated) => void, done: Inflated): void {
  const run = (): void => {
    running++;
    work((error, bytes) => {
      running--;
      waiting.shift()?.();
      done(error, bytes);
    });
  };
  if (running < atATime) run();
  else waiting.push(run);
}

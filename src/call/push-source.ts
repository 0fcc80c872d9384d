/**
 * A stream that sends when it has something, rather than when it is asked for the next: what serves thousands of readers
 * has no promise to spare for each message of each. It obeys the wire as any other stream does.
 */
export const pushes: unique symbol = Symbol('hawser.pushes');

export interface PushSource<T> extends AsyncIterableIterator<T> {
  /**
   * Sends through `write` until the stream ends, and resolves then, or rejects with an RpcError. Where `write` answers with
   * a promise, the wire is full, and nothing more is written until it resolves. What was written is never changed: the
   * wire may keep it, and use what it made of it for the next stream that writes the same object.
   */
  [pushes](write: (item: T) => Promise<void> | undefined): Promise<void>;
}

export function isPushSource<T>(source: unknown): source is PushSource<T> {
  return typeof source === 'object' && source !== null && pushes in source;
}

/** Fields that came with a message and that its type does not know: kept, so that they go on when the message is passed on. */

/**
 * The property that holds them, as bytes in the order in which they came; there is none when all were known. It is enumerable, so
 * that `{ ...message }` keeps it, and a symbol, so that JSON and `Object.keys` do not see it.
 */
export const unknownFields: unique symbol = Symbol.for('hawser.unknownFields');

/** A message that may have some. */
export interface HasUnknownFields {
  [unknownFields]?: Uint8Array;
}

interface Run {
  readonly bytes: Uint8Array;
  readonly start: number;
  end: number;
}

/** The unknown fields of all messages of one decode, until they are complete: added one by one they would be copied each time. */
export class UnknownRuns {
  readonly #runs = new Map<object, Run[]>();

  /** Whether what begins at `start` would lengthen the last run of `message`. */
  follows(message: object, start: number): boolean {
    return this.#runs.get(message)?.at(-1)?.end === start;
  }

  add(message: object, bytes: Uint8Array, start: number, end: number): void {
    const runs = this.#runs.get(message);
    const last = runs?.at(-1);
    if (runs === undefined) this.#runs.set(message, [{ bytes, start, end }]);
    else if (last?.bytes === bytes && last.end === start) last.end = end;
    else runs.push({ bytes, start, end });
  }

  /** Copies them to their messages. */
  attach(): void {
    for (const [message, runs] of this.#runs) {
      let size = 0;
      for (const { start, end } of runs) size += end - start;
      const joined = new Uint8Array(size);
      let at = 0;
      for (const { bytes, start, end } of runs) {
        joined.set(bytes.subarray(start, end), at);
        at += end - start;
      }
      (message as HasUnknownFields)[unknownFields] = joined;
    }
  }
}

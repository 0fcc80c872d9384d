/** Numbers of frames are 64 bits on the wire and JavaScript's here: one beyond 2^53 would be another than its sender meant. */

/** The frame. Throws a RangeError that names the number, for one that has lost digits. */
export function exactNumbers<T extends object>(frame: T): T {
  for (const [name, value] of Object.entries(frame)) {
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) throw new RangeError(`${name} is ${value}, which is beyond 2^53-1`);
    } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) exactNumbers(value);
  }
  return frame;
}

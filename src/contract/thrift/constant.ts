/** Constants of the IDL: shared by everyone who imports them, so nobody may change them. */

const mutators = ['set', 'add', 'delete', 'clear'] as const;

/** Freezes a constant through and through, and returns it. Bytes stay as they are: an array of bytes cannot be frozen. */
export function constant<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || Object.isFrozen(value)) {
    return value;
  }
  if (value instanceof Map) {
    for (const [key, item] of value) {
      constant(key);
      constant(item);
    }
    refuseChanges(value);
  } else if (value instanceof Set) {
    for (const item of value) constant(item);
    refuseChanges(value);
  } else {
    for (const item of Object.values(value)) constant(item);
  }
  return Object.freeze(value);
}

function refuseChanges(container: object): void {
  for (const name of mutators) {
    if (!(name in container)) continue;
    Object.defineProperty(container, name, {
      value: () => {
        throw new TypeError(
          `a constant of the IDL cannot be changed; copy it first: new ${container.constructor.name}(it)`,
        );
      },
    });
  }
}

/** What encoders say of a value that is not of its type. Where it stands is added afterwards, by the codec that knows the message. */

/** A value in a message to a person. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return 'a Uint8Array';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value);
}

/** Throws for a value of another JavaScript type than `wanted`. */
export function wrongType(wanted: string, value: unknown): never {
  throw new TypeError(`${shown(value)} is not a ${wanted}`);
}

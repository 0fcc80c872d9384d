/**
 * UTF-8 for the codecs. Where the runtime has Node's Buffer its methods are two to four times as fast as TextDecoder and TextEncoder
 * on the lengths that messages hold; elsewhere those two do.
 */

/** What is used of a Buffer, and of its class. */
interface NativeMethods {
  toString(encoding: 'utf8', start: number, end: number): string;
  write(text: string, at: number, encoding: 'utf8'): number;
}
type Bytes = Uint8Array<ArrayBuffer>;
interface NativeBuffer {
  from(memory: ArrayBufferLike, offset: number, length: number): Bytes;
  allocUnsafe(size: number): Bytes;
  allocUnsafeSlow(size: number): Bytes;
  isBuffer(value: unknown): boolean;
}

const native = (globalThis as { readonly Buffer?: NativeBuffer }).Buffer;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** Memory of its own, not cleared. */
export function newBytes(size: number): Bytes {
  return native === undefined ? new Uint8Array(size) : native.allocUnsafeSlow(size);
}

/** Memory that small pieces share, not cleared. */
export function sharedBytes(size: number): Bytes {
  return native === undefined ? new Uint8Array(size) : native.allocUnsafe(size);
}

/** The same memory in the form that `textOf` is fast with. */
export function readable(bytes: Uint8Array): Uint8Array {
  if (native === undefined || native.isBuffer(bytes)) return bytes;
  return native.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Text of `readable` bytes; undefined when they are not UTF-8. */
export function textOf(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (native === undefined) return decoded(bytes, start, end);
  const text = (bytes as unknown as NativeMethods).toString('utf8', start, end);
  // The decoder replaces what is not UTF-8; only text that has the replacement needs the check.
  return text.includes('\ufffd') ? decoded(bytes, start, end) : text;
}

/** Text of bytes; what is not UTF-8 becomes U+FFFD. */
export function lenientTextOf(bytes: Uint8Array, start: number, end: number): string {
  return lenient.decode(bytes.subarray(start, end));
}

function decoded(bytes: Uint8Array, start: number, end: number): string | undefined {
  try {
    return strict.decode(bytes.subarray(start, end));
  } catch {
    return undefined;
  }
}

/** Writes text whose length in UTF-8 fits, and returns that. `bytes` is made by `newBytes`. */
export function writeText(bytes: Uint8Array, text: string, at: number): number {
  if (native === undefined) return encoder.encodeInto(text, bytes.subarray(at)).written;
  return (bytes as unknown as NativeMethods).write(text, at, 'utf8');
}

/** A UTF-16 surrogate without its partner, which UTF-8 has no form for. */
const loneSurrogate = /\p{Surrogate}/u;

export function isWellFormed(text: string): boolean {
  return !loneSurrogate.test(text);
}

/** The text with U+FFFD for each such surrogate, for text that is another's and must be sent. */
export function wellFormed(text: string): string {
  return isWellFormed(text) ? text : text.replace(/\p{Surrogate}/gu, '\ufffd');
}

/**
 * One message compressed or inflated. Small ones at once: a handle on the thread pool costs several times what it does for them
 * (1,500 bytes: 76 us against 26 to compress, 44 against 14 to inflate), and a call that ends under way then leaves no
 * handle at work behind it. Large ones on the thread pool, where they hold up nobody.
 */
import { promisify } from 'node:util';
import { gunzip, gunzipSync, gzip, gzipSync, inflate, inflateSync } from 'node:zlib';

/** Bytes up to which a message is compressed at once: about 0.4 ms. */
const mostZippedAtOnce = 16 * 1024;
/** Bytes up to which one is inflated at once: about 0.1 ms. */
export const mostInflatedAtOnce = 64 * 1024;

const onPool = { gzip: promisify(gzip) };

export type Encoding = 'gzip' | 'deflate';

export function isEncoding(name: string | undefined): name is Encoding {
  return name === 'gzip' || name === 'deflate';
}

export function zipped(message: Uint8Array): Buffer | Promise<Buffer> {
  return message.byteLength <= mostZippedAtOnce ? gzipSync(message) : onPool.gzip(message);
}

/** The message; undefined when it is, or may be, too large to be inflated at once. Throws zlib's error for what does not inflate. */
export function inflatedAtOnce(bytes: Uint8Array, encoding: Encoding, limit: number): Buffer | undefined {
  const told = sizeTold(bytes, encoding);
  if (Math.max(bytes.byteLength, told) > mostInflatedAtOnce) return undefined;
  const maxOutputLength = Math.min(limit, mostInflatedAtOnce);
  // No larger than it must be: a message is a view of this chunk, and keeps it.
  const chunkSize = encoding === 'gzip' ? Math.min(Math.max(told + 1, 256), 16_384) : 16_384;
  try {
    return (encoding === 'gzip' ? gunzipSync : inflateSync)(bytes, { maxOutputLength, chunkSize });
  } catch (error) {
    if (isTooLarge(error) && limit > maxOutputLength) return undefined;
    throw error;
  }
}

/** The same on the thread pool. */
export function inflatedLater(
  bytes: Uint8Array,
  encoding: Encoding,
  limit: number,
  done: (error: Error | null, message: Buffer) => void,
): void {
  (encoding === 'gzip' ? gunzip : inflate)(bytes, { maxOutputLength: limit }, done);
}

export function isTooLarge(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
}

/** What a gzip message says of its own size, in its last four bytes (RFC 1952); it may be a lie. */
function sizeTold(bytes: Uint8Array, encoding: Encoding): number {
  if (encoding !== 'gzip' || bytes.byteLength < 4) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset + bytes.byteLength - 4, 4).getUint32(0, true);
}

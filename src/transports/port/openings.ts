/**
 * What a connection is, by its first bytes. At most one row of the table fits any bytes, and none needs more than `lookAhead`
 * of them, so that neither the order of the rows nor the cuts between the bytes matter.
 */

export type Opening = 'http2' | 'http1' | 'tls' | 'thrift' | 'proxy';

/** Bytes after which every row has decided. */
export const lookAhead = 24;

/** Whether the bytes begin so; undefined when more are needed to tell. */
type Fits = (bytes: Uint8Array) => boolean | undefined;

const preface = latin1('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const proxyOne = latin1('PROXY ');
const proxyTwo = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);

const table: readonly (readonly [Opening, Fits])[] = [
  ['http2', (bytes) => begins(bytes, preface)],
  ['http1', isRequestLine],
  ['tls', isHandshake],
  ['proxy', (bytes) => either(begins(bytes, proxyOne), begins(bytes, proxyTwo))],
  ['thrift', isThrift],
];

/** Undefined when more bytes are needed, `unknown` when no row fits. */
export function openingOf(bytes: Uint8Array): Opening | 'unknown' | undefined {
  let open = false;
  for (const [opening, fits] of table) {
    const answer = fits(bytes);
    if (answer === true) return opening;
    if (answer === undefined) open = true;
  }
  return open ? undefined : 'unknown';
}

function begins(bytes: Uint8Array, with_: Uint8Array): boolean | undefined {
  const length = Math.min(bytes.length, with_.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== with_[i]) return false;
  return length === with_.length ? true : undefined;
}

/** A method of capitals, a space, and the beginning of a target. `PRI *` is HTTP/2. Source: RFC 9112, section 3. */
function isRequestLine(bytes: Uint8Array): boolean | undefined {
  let at = 0;
  while (at < bytes.length && isCapital(bytes[at] as number)) at++;
  if (at > longestMethod) return false;
  if (at === bytes.length) return undefined;
  if (at === 0 || bytes[at] !== 0x20) return false;
  const method = String.fromCharCode(...bytes.subarray(0, at));
  if (method === 'PRI' || method === 'PROXY') return false;
  // Its target is host and port.
  if (method === 'CONNECT') return true;
  const target = bytes[at + 1];
  // `/path`, `*`, `http://host/`
  return target === undefined ? undefined : target === 0x2f || target === 0x2a || target === 0x68;
}

/** A record of TLS that holds a handshake. */
function isHandshake(bytes: Uint8Array): boolean | undefined {
  return begins(bytes, Uint8Array.of(0x16, 0x03));
}

/** A frame's length, which is below 2^30, or a bare message: binary begins with 0x80, compact with 0x82. */
function isThrift(bytes: Uint8Array): boolean | undefined {
  const first = bytes[0];
  if (first === undefined) return undefined;
  if (first > 0x3f) return first === 0x80 || first === 0x82;
  const others = [isHandshake(bytes), begins(bytes, proxyTwo)];
  if (others.includes(true)) return false;
  return others.includes(undefined) ? undefined : true;
}

const longestMethod = 20;

function isCapital(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

function either(a: boolean | undefined, b: boolean | undefined): boolean | undefined {
  if (a === true || b === true) return true;
  return a === undefined || b === undefined ? undefined : false;
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

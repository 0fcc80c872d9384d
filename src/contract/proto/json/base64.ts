/** Base64 of bytes, with neither Buffer nor `btoa`: messages are read and written in browsers too. */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** The value of each character, of the URL-safe alphabet too; 255 for what is in neither. */
const values = new Uint8Array(128).fill(255);
for (let i = 0; i < 64; i++) values[alphabet.charCodeAt(i)] = i;
values['-'.charCodeAt(0)] = 62;
values['_'.charCodeAt(0)] = 63;

interface Native {
  toBase64?(): string;
}

export function base64Of(bytes: Uint8Array): string {
  const native = (bytes as Native).toBase64;
  if (native !== undefined) return native.call(bytes);
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(i, i + 3);
    const group = (a << 16) | (b << 8) | c;
    const size = bytes.length - i;
    text += digit(group >> 18) + digit(group >> 12);
    text += size > 1 ? digit(group >> 6) : '=';
    text += size > 2 ? digit(group) : '=';
  }
  return text;
}

/** For names in URLs: the URL-safe alphabet, and no padding. */
export function base64UrlOf(bytes: Uint8Array): string {
  return base64Of(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** Of either alphabet, with padding or without; undefined for what is no base64. */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  let { length } = text;
  if (length % 4 === 0 && text.endsWith('=')) length -= text.endsWith('==') ? 2 : 1;
  if (length % 4 === 1) return undefined;
  const bytes = new Uint8Array((length * 3) >> 2);
  let at = 0;
  let bits = 0;
  let held = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    const value = code < 128 ? (values[code] as number) : 255;
    if (value === 255) return undefined;
    bits = (bits << 6) | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[at++] = bits >> held;
      bits &= (1 << held) - 1;
    }
  }
  return bytes;
}

function digit(group: number): string {
  return alphabet[group & 63] as string;
}

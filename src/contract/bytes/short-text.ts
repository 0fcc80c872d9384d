/**
 * Short ASCII text out of bytes without a call into the runtime: about twice as fast as
 * `Buffer.toString` up to 16 bytes, which is most of what a message holds, and a quarter faster up to 24. Longer text is not.
 */
export const longestShortText = 24;

const { fromCharCode } = String;

/** The text of up to 24 bytes, or undefined when one is not ASCII. */
export function shortAscii(bytes: Uint8Array, start: number, length: number): string | undefined {
  const end = start + length;
  for (let i = start; i < end; i++) if ((bytes[i] as number) > 0x7f) return undefined;
  if (length <= 8) return upTo8(bytes, start, length);
  if (length <= 16) return upTo8(bytes, start, 8) + upTo8(bytes, start + 8, length - 8);
  return upTo8(bytes, start, 8) + upTo8(bytes, start + 8, 8) + upTo8(bytes, start + 16, length - 16);
}

function upTo8(bytes: Uint8Array, at: number, length: number): string {
  if (length === 0) return '';
  const a = bytes[at] as number;
  if (length === 1) return fromCharCode(a);
  const b = bytes[at + 1] as number;
  if (length === 2) return fromCharCode(a, b);
  const c = bytes[at + 2] as number;
  if (length === 3) return fromCharCode(a, b, c);
  const d = bytes[at + 3] as number;
  if (length === 4) return fromCharCode(a, b, c, d);
  const e = bytes[at + 4] as number;
  if (length === 5) return fromCharCode(a, b, c, d, e);
  const f = bytes[at + 5] as number;
  if (length === 6) return fromCharCode(a, b, c, d, e, f);
  const g = bytes[at + 6] as number;
  if (length === 7) return fromCharCode(a, b, c, d, e, f, g);
  return fromCharCode(a, b, c, d, e, f, g, bytes[at + 7] as number);
}

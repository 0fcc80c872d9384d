/**
 * The text of a status on the wire: printable ASCII but for the percent sign as it is, all else percent-encoded UTF-8.
 * Source: gRPC over HTTP/2, "Status-Message".
 */

const plain = /^[ -$&-~]*$/;
const encoder = new TextEncoder();

export function encodeMessage(text: string): string {
  if (plain.test(text)) return text;
  let encoded = '';
  for (const byte of encoder.encode(text)) {
    if (byte >= 0x20 && byte <= 0x7e && byte !== 0x25) encoded += String.fromCharCode(byte);
    else encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

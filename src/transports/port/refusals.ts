/** What a connection is told that cannot be served, in the words of the protocol that it speaks. */
import type { Socket } from 'node:net';
import { systemClock } from '../../call/clock.js';

/** ms that the peer has to read why, before the connection is cut. */
const lingerMs = 1_000;
/** Bytes that are read and thrown away meanwhile; a connection that is cut while some wait loses what was said. */
const lingerBytes = 65_536;

/** A line of HTTP/1.1. The peer's next request, if it is pipelined, is not read. */
export function refuseHttp1(socket: Socket, status: string, text: string): void {
  const body = `${text}\n`;
  const head = [
    `HTTP/1.1 ${status}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  say(socket, Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`));
}

/** SETTINGS without any, then GOAWAY. Source: RFC 9113, sections 6.5 and 6.8. */
export function refuseHttp2(socket: Socket, text: string): void {
  const inadequateSecurity = 0x0c;
  const why = Buffer.from(text);
  const goAway = Buffer.alloc(17);
  goAway.writeUIntBE(8 + why.length, 0, 3);
  goAway[3] = 0x07;
  goAway.writeUInt32BE(inadequateSecurity, 13);
  say(socket, Buffer.concat([Buffer.from([0, 0, 0, 0x04, 0, 0, 0, 0, 0]), goAway, why]));
}

/** A fatal alert: handshake_failure. Source: RFC 8446, sections 5.1 and 6.2. */
export function refuseTls(socket: Socket): void {
  say(socket, Buffer.from([0x15, 0x03, 0x01, 0, 2, 2, 40]));
}

/** Sends the last that there is to say, and gives the peer a while to read it. */
function say(socket: Socket, bytes: Buffer): void {
  let left = lingerBytes;
  socket.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) socket.destroy();
  });
  socket.on('end', () => socket.destroy());
  const cancel = systemClock.setTimer(() => socket.destroy(), lingerMs);
  cancel.hold?.(false);
  socket.once('close', cancel);
  socket.end(bytes);
  socket.resume();
}

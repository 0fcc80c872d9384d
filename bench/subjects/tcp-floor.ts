/** Length, number and body on a TCP socket, writes of a turn coalesced into one: what the platform leaves to any RPC. */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { checkSize, type EchoClient, type EchoSubject } from './echo.js';

/** Joins what is written in one turn. */
function coalesced(socket: Socket): (bytes: Buffer) => void {
  let waiting: Buffer[] = [];
  return (bytes) => {
    if (waiting.push(bytes) > 1) return;
    setImmediate(() => {
      const all = waiting;
      waiting = [];
      socket.write(Buffer.concat(all));
    });
  };
}

function frames(socket: Socket, each: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= 4) {
      const end = at + 4 + rest.readUInt32BE(at);
      if (rest.length < end) break;
      each(rest.subarray(at, end));
      at = end;
    }
    rest = rest.subarray(at);
  });
}

export const subject: EchoSubject = {
  async serve() {
    const server = createServer((socket) => {
      const write = coalesced(socket);
      frames(socket, (frame) => write(Buffer.from(frame)));
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  async connect(address, size): Promise<EchoClient> {
    const [host = '', port] = address.split(':');
    const socket = connect(Number(port), host);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const write = coalesced(socket);
    const waiting = new Map<number, (body: Buffer) => void>();
    frames(socket, (frame) => {
      const id = frame.readUInt32BE(4);
      waiting.get(id)?.(frame.subarray(8));
      waiting.delete(id);
    });
    let last = 0;
    return {
      say: async () => {
        last = (last + 1) >>> 0;
        const frame = Buffer.allocUnsafe(8 + size).fill(1, 8);
        frame.writeUInt32BE(size + 4, 0);
        frame.writeUInt32BE(last, 4);
        const body = new Promise<Buffer>((resolve) => waiting.set(last, resolve));
        write(frame);
        return checkSize(await body, size);
      },
    };
  },
};

/**
 * gRPC's wire by hand over node:http2, same messages: what the platform leaves to any gRPC over it. No deadline, no status
 * but OK, no metadata: a floor, not a peer.
 */
import { type ClientHttp2Stream, connect, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Payload, PourRequest } from '../gen/bench.js';
import { checkSize, type EchoClient, type EchoSubject } from './echo.js';

function frame(bytes: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(bytes.length + 5);
  framed[0] = 0;
  framed.writeUInt32BE(bytes.length, 1);
  framed.set(bytes, 5);
  return framed;
}

const payload = (message: Payload): Buffer => frame(Payload.encode(message));

/** Calls `each` with every whole message. */
function read(stream: ServerHttp2Stream | ClientHttp2Stream, each: (bytes: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 5) {
      const end = 5 + rest.readUInt32BE(1);
      if (rest.length < end) break;
      each(rest.subarray(5, end));
      rest = rest.subarray(end);
    }
  });
}

const drained = (stream: ServerHttp2Stream | ClientHttp2Stream): Promise<void> =>
  new Promise((resolve) => stream.once('drain', resolve));

async function writeAll(stream: ServerHttp2Stream | ClientHttp2Stream, message: Payload, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    if (!stream.write(payload(message))) await drained(stream);
  }
}

function answer(stream: ServerHttp2Stream, path: string): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  if (path.endsWith('/Chat')) {
    read(stream, (bytes) => {
      if (stream.write(payload(Payload.decode(bytes)))) return;
      stream.pause();
      stream.once('drain', () => stream.resume());
    });
    stream.on('end', () => stream.end());
    return;
  }
  read(stream, (bytes) => {
    if (path.endsWith('/Say')) stream.end(payload(Payload.decode(bytes)));
    else {
      const { count, size } = PourRequest.decode(bytes);
      writeAll(stream, { body: new Uint8Array(size).fill(1) }, count).then(
        () => stream.end(),
        () => stream.close(),
      );
    }
  });
}

export const subject: EchoSubject = {
  async serve() {
    const server = createServer({ maxSessionMemory: 4_096, settings: { maxConcurrentStreams: 10_000 } });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      answer(stream, String(headers[':path']));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  async connect(address, size): Promise<EchoClient> {
    const session = connect(`http://${address}`, { maxSessionMemory: 4_096 });
    const message: Payload = { body: new Uint8Array(size).fill(1) };
    const headers = { ':method': 'POST', 'content-type': 'application/grpc+proto', te: 'trailers' };
    const begin = (method: string): ClientHttp2Stream =>
      session.request({ ...headers, ':path': `/bench.v1.Echo/${method}` });
    const counted = (stream: ClientHttp2Stream): Promise<number> =>
      new Promise((resolve, reject) => {
        let came = 0;
        read(stream, (bytes) => {
          if (Payload.decode(bytes).body.length === size) came += 1;
        });
        stream.on('error', reject);
        stream.on('close', () => resolve(came));
      });
    return {
      say: () =>
        new Promise<void>((resolve, reject) => {
          const stream = begin('Say');
          let body: Uint8Array = new Uint8Array(0);
          read(stream, (bytes) => {
            ({ body } = Payload.decode(bytes));
          });
          stream.on('error', reject);
          stream.on('end', () => {
            try {
              resolve(checkSize(body, size));
            } catch (error) {
              reject(error);
            }
          });
          stream.end(payload(message));
        }),
      pour(count) {
        const stream = begin('Pour');
        const came = counted(stream);
        stream.end(frame(PourRequest.encode({ count, size })));
        return came;
      },
      async chat(count) {
        const stream = begin('Chat');
        const came = counted(stream);
        await writeAll(stream, message, count);
        stream.end();
        return came;
      },
    };
  },
};

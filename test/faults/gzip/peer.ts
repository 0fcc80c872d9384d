/**
 * The other end of the gzip runs: a server of ours behind a proxy that cuts connections, and one on node:http2 whose compressed answers
 * are cut off, mangled, too large or never ended. Prints where they are as a line of JSON, and serves until its input ends.
 */
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { createServer, RpcError, silentLogger } from 'hawser';
import { faultProxy, seededRandom } from 'hawser/testing';
import { Echo } from '../../support/echo.js';

const random = seededRandom(`gzip peer ${process.argv[2]}`);
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const server = createServer({ grpc: { gzip: true }, logger: silentLogger, admission: false });
server.add(Echo, {
  say: (request) => request,
  tell() {},
  async *repeat({ text, count }) {
    for (let i = 0; i < count; i++) {
      yield { text: text + 'x'.repeat(1_200 + i * 37), count: i };
      if (text === 'slow') await wait(2);
    }
    if (text === 'error') throw new RpcError('FAILED_PRECONDITION', 'no');
  },
  async collect(requests) {
    let count = 0;
    for await (const request of requests) count += request.text.length;
    return { text: 'c'.repeat(2_000), count };
  },
  async *chat(requests) {
    yield* requests;
  },
});
const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
const proxy = await faultProxy({ target: grpc });
setInterval(() => {
  const draw = random.next();
  if (draw < 0.5) proxy.reset();
  else void proxy.set(draw < 0.8 ? {} : draw < 0.9 ? { dribble: 700 } : { resetAfter: 20_000 });
}, 15);

/** The sockets of the crooked server, by the port of the client. Node 22 ends a process whose HTTP/2 session is destroyed while requests come. */
const sockets = new Map<number | undefined, Socket>();
const cut = (stream: ServerHttp2Stream): void => void sockets.get(stream.session?.socket.remotePort)?.destroy();

const frame = (flag: number, bytes: Buffer, length = bytes.length): Buffer => {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
};
const message = Buffer.from(JSON.stringify({ text: 'm'.repeat(3_000), count: 1 }));
const whole = frame(1, gzipSync(message));
const huge = frame(1, gzipSync(Buffer.alloc(3_000_000)));
const mangled = Buffer.from(whole).fill(0xa5, 20, 30);
const answers: readonly ((stream: ServerHttp2Stream) => void)[] = [
  (stream) => stream.end(whole),
  (stream) => stream.end(mangled),
  (stream) => stream.end(frame(1, whole.subarray(5, 25))),
  (stream) => stream.end(frame(1, Buffer.from('this was never compressed'))),
  (stream) => stream.end(frame(1, Buffer.alloc(0))),
  (stream) => stream.end(huge),
  (stream) => stream.end(frame(1, whole.subarray(5), 1_000_000)),
  (stream) => stream.end(frame(7, whole.subarray(5))),
  (stream) => stream.end(Buffer.concat([whole, whole, mangled, whole])),
  (stream) => stream.end(Buffer.concat([huge, whole, huge])),
  (stream) => {
    stream.write(Buffer.concat([whole, huge]));
    stream.close(8);
  },
  (stream) => {
    stream.write(Buffer.concat([huge, whole.subarray(0, 12)]));
    setImmediate(() => cut(stream));
  },
  (stream) => {
    stream.write(whole.subarray(0, 9));
    setTimeout(() => stream.destroyed || stream.end(whole.subarray(9)), 1);
  },
  (stream) => {
    stream.write(Buffer.concat([whole, whole]));
    stream.session?.goaway(0);
    setTimeout(() => cut(stream), 1);
  },
];
const crooked = createHttp2Server((request) => {
  const { stream } = request;
  stream.on('error', () => {});
  request.on('error', () => {});
  request.resume();
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' },
    { waitForTrailers: true },
  );
  stream.on('wantTrailers', () => {
    if (!stream.closed && stream.sentTrailers === undefined) stream.sendTrailers({ 'grpc-status': '0' });
  });
  answers[Math.floor(random.next() * answers.length)]?.(stream);
});
crooked.on('connection', (socket: Socket) => {
  const { remotePort } = socket;
  sockets.set(remotePort, socket);
  socket.once('close', () => sockets.delete(remotePort));
});
crooked.on('session', (session) => session.on('error', () => {}));
await new Promise<void>((resolve) => crooked.listen(0, '127.0.0.1', resolve));
console.log(
  JSON.stringify({
    straight: grpc,
    cut: proxy.address,
    crooked: `127.0.0.1:${(crooked.address() as AddressInfo).port}`,
  }),
);
process.stdin.resume().once('end', () => process.exit(0));

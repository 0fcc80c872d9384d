/**
 * Bytes that wait in the HTTP/2 streams of this process to be sent: what a server keeps for those who do not read. Unlike its
 * memory it is a count, the same on every machine. grpc-js has no place to ask, so the servers it makes are watched.
 */
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { createRequire } from 'node:module';

const http2: { createServer: (...given: never[]) => Http2Server } = createRequire(import.meta.url)('node:http2');
const streams = new Set<ServerHttp2Stream>();

/** Before the first gRPC listener. */
export function watchStreams(): void {
  const { createServer } = http2;
  http2.createServer = (...given) =>
    createServer(...given).on('session', (session: ServerHttp2Session) => {
      session.on('stream', (stream: ServerHttp2Stream) => {
        streams.add(stream);
        stream.once('close', () => streams.delete(stream));
      });
    });
}

/** Of the stream that has most of them. */
export function mostWaiting(): number {
  return Math.max(0, ...[...streams].map(({ writableLength }) => writableLength));
}

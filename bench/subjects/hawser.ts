/** Hawser over gRPC, as the README shows it: every default policy is on. */
import { createClient, createServer } from 'hawser';
import { Payload } from '../gen/bench.js';
import { Echo } from '../gen/bench.rpc.js';
import { checkSize, type EchoClient, type EchoSubject } from './echo.js';

export const subject: EchoSubject = {
  async serve(_wire, tls) {
    const server = createServer();
    server.add(Echo, {
      say: (request) => request,
      hold: () => new Promise<never>(() => {}),
      async *pour({ count, size }) {
        const message = Payload.create({ body: new Uint8Array(size).fill(1) });
        for (let i = 0; i < count; i++) yield message;
      },
      async *chat(requests) {
        for await (const request of requests) yield request;
      },
    });
    const at = '127.0.0.1:0';
    return (await server.listen({ grpc: tls === undefined ? at : { address: at, tls } })).grpc;
  },
  async connect(address, size, _wire, tls): Promise<EchoClient> {
    const client =
      tls === undefined
        ? createClient(Echo, `grpc://${address}`)
        : createClient(Echo, `grpcs://${address}`, { tls: { ca: tls.cert } });
    const message = { body: new Uint8Array(size).fill(1) };
    return {
      say: async () => checkSize((await client.say(message)).body, size),
      async pour(count) {
        let came = 0;
        for await (const { body } of client.pour({ count, size })) if (body.length === size) came += 1;
        return came;
      },
      async chat(count) {
        let came = 0;
        for await (const { body } of client.chat(repeated(message, count))) if (body.length === size) came += 1;
        return came;
      },
    };
  },
};

async function* repeated<T>(message: T, count: number): AsyncGenerator<T> {
  for (let i = 0; i < count; i++) yield message;
}

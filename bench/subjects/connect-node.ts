/** connect-node speaking gRPC, with protobuf-es messages: the service is what the descriptor of the same `.proto` says. */
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, createFileRegistry, type DescService, fromBinary, type Message } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import { Echo } from '../gen/bench.rpc.js';
import { checkSize, type EchoClient, type EchoSubject } from './echo.js';

export const registry = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: Echo.descriptors().map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes)),
  }),
);
const service = registry.getService('bench.v1.Echo') as DescService;

type Payload = Message & { readonly body: Uint8Array };
interface Pour {
  readonly count: number;
  readonly size: number;
}

/** What protoc-gen-es would have said of the service. */
interface EchoStub {
  say(request: object, options: { readonly timeoutMs: number }): Promise<Payload>;
  pour(request: Pour): AsyncIterable<Payload>;
  chat(requests: AsyncIterable<object>): AsyncIterable<Payload>;
}

export const subject: EchoSubject = {
  async serve() {
    const handler = connectNodeAdapter({
      routes: (router) =>
        router.service(service, {
          say: (request: unknown) => request as Payload,
          async *pour(request: unknown) {
            const { count, size } = request as Pour;
            const message = { body: new Uint8Array(size).fill(1) };
            for (let i = 0; i < count; i++) yield message;
          },
          async *chat(requests: unknown) {
            for await (const request of requests as AsyncIterable<Payload>) yield request;
          },
        } as never),
    });
    const server = createServer(handler);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  async connect(address, size): Promise<EchoClient> {
    const transport = createGrpcTransport({ baseUrl: `http://${address}` });
    const client = createClient(service, transport) as unknown as EchoStub;
    const message = { body: new Uint8Array(size).fill(1) };
    return {
      say: async () => checkSize((await client.say(message, { timeoutMs: 30_000 })).body, size),
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

/** Hawser over Thrift: the same server and client as over gRPC, from the stub of the `.thrift` file. */
import { createClient, createServer } from 'hawser';
import { Echo } from '../gen/trade.js';
import { checkSize, type EchoClient, type EchoSubject } from './echo.js';

export const subject: EchoSubject = {
  async serve() {
    const server = createServer();
    server.add(Echo, { say: ({ body }) => body });
    return (await server.listen({ thrift: '127.0.0.1:0' })).thrift;
  },
  async connect(address, size, wire): Promise<EchoClient> {
    const client = createClient(Echo, `thrift://${address}?wire=${wire}`);
    const body = 'x'.repeat(size);
    return { say: async () => checkSize(await client.say({ body }), size) };
  },
};

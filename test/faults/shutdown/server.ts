/** A server that closes on SIGTERM as a deployed one does, and then has nothing more to do. Prints its addresses. */
import { createServer, silentLogger } from 'hawser';
import { Echo, note, ThriftEcho } from './service.js';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const handlers = {
  async say(request: { text: string; count: number }) {
    await pause(20);
    return request;
  },
};
// What a busy machine makes it refuse is not what is asked here.
const server = createServer({ admission: false, logger: silentLogger })
  .add(Echo, {
    ...handlers,
    tell() {},
    async *repeat(_request, { signal }) {
      for (let i = 0; !signal.aborted; i++) {
        yield note('tick', i);
        await pause(20);
      }
    },
    collect: () => note(''),
    async *chat() {},
  })
  .add(ThriftEcho, handlers);
console.log(JSON.stringify(await server.listen({ grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' })));
process.once('SIGTERM', () => server.close({ delay: 200, grace: '1s' }));

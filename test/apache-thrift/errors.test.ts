/** An error of a handler by way of a connection and a processor of Apache's package: nothing is on it that the handler did not say. */
import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createClient, isRpcError, RpcError, type RpcErrorOptions, silentLogger } from 'hawser';
import { fromApacheConnection, toApacheProcessor } from 'hawser/apache-thrift';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isOwn } from '../../src/call/own-error.js';
import { outcomeOf } from '../../src/interceptors/breaker.js';
import { isOverload } from '../../src/interceptors/throttle.js';
import { NpmClient, npm } from './npm-thrift.js';
import { Sales } from './sales-service.js';

/** What both clients are told of an error that a handler throws. */
async function told(protocolName: string, error: () => unknown): Promise<{ ours: RpcError; theirs: object }> {
  const options = { protocol: npm[protocolName], transport: npm.TFramedTransport };
  const fail = async (): Promise<never> => {
    throw error();
  };
  const processor = toApacheProcessor(Sales, { getSale: fail, weigh: fail, note: fail }, { logger: silentLogger });
  const server = npm.createServer(processor, undefined, options) as Server;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connection = npm.createConnection('127.0.0.1', (server.address() as AddressInfo).port, options);
  onTestFinished(() => {
    connection.destroy();
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const theirs = await npm
    .createClient(NpmClient, connection)
    .getSale('cod')
    .catch((caught: unknown) => caught);
  const client = createClient(Sales, fromApacheConnection(connection), { retry: false, logger: silentLogger });
  const ours = await client.getSale({ fish: 'cod' }).catch((caught: unknown) => caught);
  if (!isRpcError(ours)) throw ours;
  return { ours, theirs: theirs as object };
}

describe.each(['TBinaryProtocol', 'TCompactProtocol'])('over %s', (protocol) => {
  it('has no ErrorInfo when it has no reason', async () => {
    const { ours, theirs } = await told(protocol, () => new RpcError('ABORTED', 'text'));
    expect(ours).toMatchObject({ code: 'ABORTED', message: 'text', details: [], disposition: 'executed' });
    expect([ours.info, ours.domain, ours.reason]).toEqual([undefined, undefined, 'ABORTED']);
    expect(theirs).toMatchObject({ type: 6, message: 'text' });
  });

  it.each<RpcErrorOptions>([{}, { domain: 'hawser' }, { domain: '' }])(
    'has its reason in the domain of its service, also where it is a word of ours: %j',
    async (options) => {
      for (const reason of ['NO_SALE', 'OVERLOADED', 'MESSAGE_TOO_LARGE', 'SHUTDOWN'] as const) {
        const { ours } = await told(protocol, () => new RpcError('UNAVAILABLE', 'x', { reason, ...options }));
        expect([ours.reason, ours.domain, ours.info?.domain]).toEqual([reason, Sales.name, Sales.name]);
        expect([isOverload(ours), isOwn(ours, reason as 'OVERLOADED'), outcomeOf(ours)]).toEqual([
          false,
          false,
          'failure',
        ]);
      }
    },
  );

  it("is the runtime's own where the handler threw what is no RpcError", async () => {
    const { ours } = await told(protocol, () => new TypeError('secret'));
    expect([ours.reason, ours.domain]).toEqual(['HANDLER_FAILED', 'hawser']);
    expect(ours.message).not.toContain('secret');
  });
});

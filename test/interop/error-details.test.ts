/** A foreign client reads the details of an error by the server's reflection alone, as grpcurl does. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createServer, RpcError, silentLogger } from 'hawser';
import { expect, it, onTestFinished } from 'vitest';
import { describeWith, hasTool } from '../requires.js';
import { Echo, note } from '../support/echo.js';

describeWith(
  "Python's grpcio (Debian: python3-grpcio)",
  hasTool('/usr/bin/python3', ['-c', 'import grpc, google.protobuf']),
  'grpcio by reflection',
  () => {
    it('decodes what a handler gave as its reason, in the domain of its service', async () => {
      const server = createServer({ logger: silentLogger });
      server.add(Echo, {
        say: () => {
          throw new RpcError('NOT_FOUND', 'no sale', { reason: 'NO_SALE', metadata: { fish: 'cod' } });
        },
        tell() {},
        async *repeat() {},
        collect: () => note(''),
        async *chat() {},
      } as never);
      const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
      onTestFinished(() => server.close({ grace: 0 }));
      const script = join(import.meta.dirname, 'python/error_details.py');
      const { stdout } = await promisify(execFile)('/usr/bin/python3', [script, grpc], { timeout: 40_000 });
      expect(JSON.parse(stdout)).toEqual([
        ['type.googleapis.com/google.rpc.ErrorInfo', 'NO_SALE', 'test.Echo', { fish: 'cod' }],
      ]);
    });
  },
);

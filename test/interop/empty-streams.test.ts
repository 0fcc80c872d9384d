/** Streams that a foreign server ends with OK and no message, as it answers a list that is empty. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { type ClientOptions, createClient, silentLogger } from 'hawser';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, hasTool } from '../requires.js';
import { Echo, note } from '../support/echo.js';
import { scratchFolder } from '../support/scratch.js';

const python = '/usr/bin/python3';
const goServer = join(import.meta.dirname, 'go/empty');

type Start = (scratch: string) => Promise<readonly [string, ...string[]]>;

const foreign: readonly [string, boolean, string, Start][] = [
  [
    "Python's grpcio (Debian: python3-grpcio)",
    hasTool(python, ['-c', 'import grpc']),
    'grpcio',
    async () => [python, join(import.meta.dirname, 'python/empty_server.py')],
  ],
  [
    'Go 1.25 and its module proxy',
    hasTool('go', ['version']) && hasTool('go', ['-C', goServer, 'mod', 'download']),
    'grpc-go',
    async (scratch) => {
      const program = join(scratch, 'empty');
      await promisify(execFile)('go', ['build', '-o', program, '.'], { cwd: goServer });
      return [program];
    },
  ],
];

const clients: readonly [string, ClientOptions][] = [
  ['as usual', {}],
  ['without retries', { retry: false }],
  ['with a bound of each attempt', { attemptTimeout: '10s' }],
  [
    'with an interceptor',
    { interceptors: [{ interceptor: (_m, next) => async (call) => next(call), after: 'retry' }] },
  ],
];

for (const [needs, present, name, start] of foreign) {
  describeWith(needs, present, `a server of ${name}`, () => {
    const scratch = scratchFolder('empty-streams');
    let child: ChildProcessByStdio<null, Readable, null>;
    let address: string;

    beforeAll(async () => {
      const [command, ...args] = await start(scratch.path);
      child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = await once(child.stdout, 'data');
      address = `grpc://${String(line).trim()}`;
    });

    afterAll(async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
      scratch.remove();
    });

    it.each(clients)('ends streams without a message, to a client %s', async (_how, options) => {
      const client = createClient(Echo, address, { logger: silentLogger, ...options });
      const timeout = '10s';
      for (const target of [() => client.repeat(note('x'), { timeout }), () => client.chat([note('x')], { timeout })]) {
        const messages: unknown[] = [];
        const call = target();
        for await (const message of call) messages.push(message);
        await Promise.all([call.headers, call.trailers]);
        expect(messages).toEqual([]);
      }
      expect(await client.say(note('still there'), { timeout })).toMatchObject({ text: 'still there' });
      await client.$close();
    });
  });
}

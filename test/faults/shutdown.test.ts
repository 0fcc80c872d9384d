/** A deployment: one of two servers gets SIGTERM under load. Nobody may notice, and it ends by itself, with 0. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createClient, isRpcError } from 'hawser';
import { afterEach, expect, it } from 'vitest';
import { Health } from '../../gen/grpc/health/v1/health.rpc.js';
import { fromSource } from '../support/program.js';
import { Echo, note, ThriftEcho } from './shutdown/service.js';

interface Program {
  readonly child: ChildProcess;
  readonly grpc: string;
  readonly thrift: string;
}

const programs: Program[] = [];
afterEach(() => {
  for (const { child } of programs.splice(0)) child.kill('SIGKILL');
});

async function start(): Promise<Program> {
  const child = spawn(process.execPath, [...fromSource, `${import.meta.dirname}/shutdown/server.ts`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const program = { child, ...JSON.parse(line) };
  programs.push(program);
  return program;
}

/** Calls without a pause, sixteen at a time, until `stop`; what failed. */
function calls(call: () => PromiseLike<unknown>) {
  const failures: string[] = [];
  let stopped = false;
  let done = 0;
  const workers = Array.from({ length: 16 }, async () => {
    while (!stopped) {
      try {
        await call();
        done += 1;
      } catch (error) {
        failures.push(
          isRpcError(error) ? `${error.code} ${error.reason} ${error.disposition} ${error.message}` : String(error),
        );
      }
    }
  });
  const stop = async () => {
    stopped = true;
    await Promise.all(workers);
    return { failures, done };
  };
  /** Until there were `more` good ones. */
  const more = async (count: number) => {
    const enough = done + count;
    await expect.poll(() => done >= enough || failures.length > 0, { timeout: 20_000, interval: 5 }).toBe(true);
  };
  return { stop, more };
}

it.each(['grpc', 'thrift'] as const)(
  'a client with two addresses has no failed call over %s while one of them goes, and that one exits with 0',
  async (wire) => {
    const [leaving, staying] = [await start(), await start()];
    const addresses = [leaving, staying].map((one) => `${wire}://${one[wire]}`);
    const client = wire === 'grpc' ? createClient(Echo, addresses) : createClient(ThriftEcho, addresses);
    const { stop, more } = calls(() => client.say(note('x')));
    await more(200);
    const gone = once(leaving.child, 'exit');
    leaving.child.kill('SIGTERM');
    const [code] = await gone;
    await more(100);
    const { failures } = await stop();
    await client.$close();
    expect(failures).toEqual([]);
    expect(code).toBe(0);
  },
  60_000,
);

it('says NOT_SERVING before it stops serving, and tells a stream that goes on to begin again elsewhere', async () => {
  const { child, grpc } = await start();
  const health = createClient(Health, `grpc://${grpc}`);
  const client = createClient(Echo, `grpc://${grpc}`, { retry: false });
  const states: number[] = [];
  const watching = (async () => {
    for await (const { status } of health.watch({ service: '' })) states.push(status);
  })().catch(() => {});
  const stream = client.repeat(note('x'));
  await stream.next();
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await expect.poll(() => states.length).toBe(2);
  await expect(client.say(note('still'))).resolves.toEqual(note('still'));
  const ended = await (async () => {
    for await (const _ of stream);
  })().catch((error: unknown) => error);
  expect(ended).toMatchObject({ code: 'UNAVAILABLE', reason: 'SHUTDOWN' });
  expect(await gone).toEqual([0, null]);
  await watching;
  await Promise.all([health.$close(), client.$close()]);
}, 30_000);

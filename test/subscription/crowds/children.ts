/** The server of these tests in its process, and readers of it; all end with the test. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { silentLogger } from '../../../src/call/logger.js';
import { createClient } from '../../../src/client/create-client.js';
import type { SubscribeOptions } from '../../../src/subscription/subscriber/options.js';
import { fromSource } from '../../support/program.js';
import type { Order } from './server.js';
import { Crowd } from './topic.js';

export interface Answer {
  readonly grpc: string;
  /** Bytes. */
  readonly rss: number;
  /** Bytes that live, in the heap and beside it. */
  readonly held: number;
  readonly head: number;
}

export async function startServer() {
  const execArgv = ['--expose-gc', ...fromSource];
  const child = fork(join(import.meta.dirname, 'server.ts'), { execArgv });
  onTestFinished(async () => {
    const gone = once(child, 'exit');
    child.kill();
    await gone;
  });
  const answer = async (): Promise<Answer> => (await once(child, 'message'))[0];
  const { grpc } = await answer();
  const tell = (order: Order): Promise<Answer> => {
    const answered = answer();
    child.send(order);
    return answered;
  };
  return { grpc, tell };
}

export function reader(address: string, method: 'latest' | 'every', options: SubscribeOptions = {}) {
  const client = createClient(Crowd, address, { logger: silentLogger });
  onTestFinished(() => client.$close());
  return client[method].subscribe({}, { changes: false, ...options });
}

/** `limit`: ms after which it is a failure. */
export async function until(what: string, limit: number, condition: () => boolean): Promise<void> {
  const end = performance.now() + limit;
  while (!condition()) {
    if (performance.now() > end) expect.fail(`${what} did not come to pass`);
    await sleep(20);
  }
}

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
  /** Bytes that waited for one reader, at most, so far. */
  readonly waiting: number;
  readonly head: number;
}

export async function startServer() {
  const execArgv = ['--expose-gc', ...fromSource];
  const child = fork(join(import.meta.dirname, 'server.ts'), { execArgv });
  const gone = once(child, 'exit');
  onTestFinished(async () => {
    child.kill();
    await gone;
  });
  const crash = gone.then(([code, signal]): never => {
    throw new Error(`the server ended with ${code ?? signal}; what it wrote says why`);
  });
  crash.catch(() => {}); // it ends with the test, too
  const answer = async (): Promise<Answer> => (await Promise.race([once(child, 'message'), crash]))[0];
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

type Tell = Awaited<ReturnType<typeof startServer>>['tell'];

/** The least of some readings: what lives, with little that is garbage. */
export async function leastHeld(tell: Tell): Promise<Answer> {
  const answers: Answer[] = [];
  for (let n = 0; n < 5; n++) answers.push(await tell('memory'));
  return answers.reduce((least, one) => (one.held < least.held ? one : least));
}

/**
 * Waits until the server holds no more than `bytes`. One reading says little, since garbage beside the heap goes when it goes
 * (tens of megabytes from one reading to the next); but what never falls is held.
 */
export async function untilHeld(what: string, tell: Tell, bytes: number): Promise<void> {
  let last = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 100; n++) {
    last = (await tell('memory')).held;
    if (last <= bytes) return;
    await sleep(n * 5);
  }
  expect.fail(`${what}: ${last} bytes are held after a hundred collections, and ${bytes} at most should be`);
}

/** `limit`: ms after which it is a failure. */
export async function until(what: string, limit: number, condition: () => boolean): Promise<void> {
  const end = performance.now() + limit;
  while (!condition()) {
    if (performance.now() > end) expect.fail(`${what} did not come to pass`);
    await sleep(20);
  }
}

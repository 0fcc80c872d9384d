/** What connections keep while nothing happens. Chunks are counted at the host that allocates them. */
import { describe, expect, it } from 'vitest';
import { Connection } from '../../src/http2/connection.js';
import { Loop, pipePair } from './loop.js';
import { echoEvents, request } from './talk.js';

class CountingLoop extends Loop {
  allocated = 0;

  override readonly allocate = (bytes: number): Uint8Array => {
    this.allocated += bytes;
    return new Uint8Array(bytes);
  };
}

function pairs(loop: Loop, count: number): Connection[] {
  const clients = Array.from({ length: count }, () => {
    const [near, far] = pipePair(loop);
    new Connection({ role: 'server', pipe: far, host: loop, events: echoEvents() });
    return new Connection({ role: 'client', pipe: near, host: loop, events: {} });
  });
  loop.settle();
  return clients;
}

describe('connections that send little', () => {
  it('write into small chunks, however many of them send in one turn', () => {
    const loop = new CountingLoop();
    const clients = pairs(loop, 500);
    loop.allocated = 0;
    const answers = clients.map((client) => request(client, new Uint8Array(100)).answer);
    loop.settle();
    expect(answers.every(({ ended }) => ended)).toBe(true);
    // Both ends of each, some from the spare ones.
    expect(loop.allocated / 1_000).toBeLessThanOrEqual(2_048);
  });

  it('get a large chunk for what does not fit, and a small one again afterwards', () => {
    const loop = new CountingLoop();
    const [client] = pairs(loop, 1) as [Connection];
    for (let i = 0; i < 100; i++) request(client, new Uint8Array(3_000));
    loop.settle();
    request(client, new Uint8Array(10));
    loop.settle();
    loop.allocated = 0;
    const { answer } = request(client, new Uint8Array(10));
    loop.settle();
    expect([answer.ended, loop.allocated]).toEqual([true, 0]);
  });
});

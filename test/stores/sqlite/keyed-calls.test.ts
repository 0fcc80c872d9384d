import { createClient, createServer, MemoryNetwork, silentLogger } from 'hawser';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ServerCall } from '../../../src/server/handlers.js';
import type { SqliteStoreOptions, SqliteTransaction } from '../../../src/stores/sqlite/index.js';
import { type Note, note, Refused } from '../../support/echo.js';
import { tillOf } from '../../support/till.js';
import { scratchStore } from './scratch-store.js';
import { effect, loopTurn } from './selling.js';

type Handler = (request: Note, call: ServerCall<SqliteTransaction>) => Promise<Note> | Note;

/** A server with a store, and a client of it. */
async function market(handler: Handler, options: SqliteStoreOptions = {}) {
  const scratch = await scratchStore(options);
  const network = new MemoryNetwork();
  const server = createServer<SqliteTransaction>({ store: scratch.store, logger: silentLogger });
  const Till = tillOf();
  server.add(Till, { sell: handler });
  await server.listen({ memory: network });
  const client = createClient(Till, network, { logger: silentLogger });
  onTestFinished(async () => {
    await client.$close();
    await server.close({ grace: 0 });
  });
  return { ...scratch, client };
}

describe('KEYED calls on an SQLite store', () => {
  it('write through call.tx, once for a key, and answer the same again', async () => {
    let runs = 0;
    const { client, effects } = await market((request, call) => {
      runs += 1;
      effect(call.tx, request.text);
      return note(request.text, runs);
    });
    const idempotencyKey = 'the-same-key-every-time';
    const answers = await Promise.all([
      client.sell(note('cod'), { idempotencyKey }),
      client.sell(note('cod'), { idempotencyKey }),
    ]);
    answers.push(await client.sell(note('cod'), { idempotencyKey }));
    expect(answers).toEqual([note('cod'), note('cod'), note('cod')]);
    await Promise.all([client.sell(note('ling')), client.sell(note('hake'))]);
    expect(effects()).toEqual(['cod', 'ling', 'hake']);
  });

  it('keep what was written with a declared error, and nothing of another', async () => {
    const { client, effects, keys } = await market(async (request, call) => {
      effect(call.tx, request.text);
      await loopTurn();
      if (request.text === 'refused') throw new Refused('no fish');
      throw new Error('a bug');
    });
    await expect(client.sell(note('refused'))).rejects.toThrow('no fish');
    await expect(client.sell(note('bug'))).rejects.toMatchObject({ disposition: 'rolled-back' });
    expect(effects()).toEqual(['refused']);
    expect(keys()).toHaveLength(1);
  });

  it('refuse store.write inside a handler, which would wait for itself', async () => {
    const { client, store, effects } = await market(async (request, call) => {
      effect(call.tx, request.text);
      await loopTurn();
      const refused = store.write((tx) => effect(tx, 'nested'));
      await expect(refused).rejects.toMatchObject({
        reason: 'NESTED_TRANSACTION',
        message: expect.stringMatching(/^test\.Till\/Sell holds the writer of this database and would wait for itself/),
      });
      return request;
    });
    await client.sell(note('cod'));
    expect(effects()).toEqual(['cod']);
  });

  it('refuse a KEYED call to the same store inside a handler', async () => {
    const { client, effects } = await market(async (request, call) => {
      effect(call.tx, request.text);
      if (request.text === 'outer') {
        await expect(client.sell(note('inner'))).rejects.toMatchObject({ reason: 'NESTED_TRANSACTION' });
      }
      return request;
    });
    await client.sell(note('outer'));
    expect(effects()).toEqual(['outer']);
  });

  it('may write elsewhere after the handler has returned', async () => {
    let later: Promise<void> | undefined;
    const { client, store, effects } = await market((request, call) => {
      effect(call.tx, request.text);
      later = loopTurn().then(() => store.write((tx) => effect(tx, 'later')));
      return request;
    });
    await client.sell(note('cod'));
    await later;
    expect(effects()).toEqual(['cod', 'later']);
  });

  it('leave nothing of a handler that hangs, and let others go on', async () => {
    const { client, effects } = await market(
      async (request, call) => {
        effect(call.tx, request.text);
        if (request.text === 'hangs') await new Promise(() => {});
        return request;
      },
      { holdLimit: 50 },
    );
    const hangs = client.sell(note('hangs'));
    const next = client.sell(note('next'));
    await expect(hangs).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'STORE_HELD' });
    await next;
    expect(effects()).toEqual(['next']);
  });
});

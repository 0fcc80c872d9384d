/**
 * A service with one KEYED method, on virtual time, whose handler a test writes down: what it was asked, how often it had
 * its effect, and what the server told of it.
 */
import {
  type ClientOptions,
  createClient,
  createServer,
  type IdempotencyStore,
  type Policy,
  type Server,
  type ServerOptions,
  silentLogger,
} from 'hawser';
import { type Faults, SeededNetwork, seededRandom, VirtualClock } from 'hawser/testing';
import { unary } from '../../src/contract/method.js';
import { defineService } from '../../src/contract/service.js';
import type { ServerCall } from '../../src/server/handlers.js';
import { type MemoryTransaction, memoryStore } from '../../src/stores/memory.js';
import { type Note, noteCodec, Refused } from './echo.js';

export function tillOf(policy: Policy = {}, keyProperty?: string) {
  return defineService({
    name: 'test.Till',
    idl: 'proto',
    fingerprint: '',
    methods: {
      sell: unary<Note, Note, Partial<Note> & { id?: string; extra?: unknown }>({
        name: 'Sell',
        request: noteCodec,
        response: noteCodec,
        errors: [{ id: 1, type: Refused }],
        policy: { idempotency: 'KEYED', ...policy },
        ...(keyProperty === undefined ? {} : { keyProperty }),
      }),
    },
  });
}

/** The same records behind an object of its own, which is what tells one process from another. */
export function asAnotherProcess<Tx>(store: IdempotencyStore<Tx>): IdempotencyStore<Tx> {
  return {
    name: store.name,
    retention: store.retention,
    transactional: store.transactional,
    execute: (...args) => store.execute(...args),
    transact: (...args) => store.transact(...args),
    expire: (...args) => store.expire(...args),
    close: () => store.close(),
  };
}

export interface TillOptions {
  readonly policy?: Policy;
  readonly keyProperty?: string;
  readonly handler?: (request: Note, call: ServerCall<MemoryTransaction>, clock: VirtualClock) => Promise<Note> | Note;
  readonly server?: ServerOptions<MemoryTransaction>;
  readonly configure?: (server: Server<MemoryTransaction>) => void;
  readonly client?: ClientOptions;
  readonly faults?: Faults;
  readonly nodes?: readonly string[];
  readonly seed?: number;
}

/** Servers that share one store, as processes share a database, and one client of all. */
export async function till(options: TillOptions = {}) {
  const { nodes = ['a'], seed = 1 } = options;
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const network = new SeededNetwork({ clock, random: random.fork('network'), faults: options.faults ?? {} });
  const Till = tillOf(options.policy, options.keyProperty);
  const store = memoryStore({ clock, logger: silentLogger });
  /** Effects by the key of the call. */
  const effects = new Map<string, number>();
  const outcomes: string[] = [];
  const runs: string[] = [];
  const servers = [];
  for (const node of nodes) {
    const server = createServer<MemoryTransaction>({ clock, logger: silentLogger, store, ...options.server });
    server.add(Till, {
      async sell(request, call) {
        const key = call.idempotencyKey ?? 'no key';
        runs.push(key);
        call.tx.onCommit(() => effects.set(key, (effects.get(key) ?? 0) + 1));
        return options.handler === undefined
          ? { ...request, count: runs.length }
          : options.handler(request, call, clock);
      },
    });
    options.configure?.(server);
    server.on('idempotency', ({ outcome }) => outcomes.push(outcome));
    await server.listen({ memory: network.node(node) });
    servers.push(server);
  }
  const target = nodes.length === 1 ? network.node(nodes[0] as string) : network.nodes(...nodes);
  const client = createClient(Till, target, {
    clock,
    random: random.fork('client'),
    logger: silentLogger,
    ...options.client,
  });
  return { clock, network, client, servers, store, effects, outcomes, runs, random, Till };
}

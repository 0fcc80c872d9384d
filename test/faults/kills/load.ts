/**
 * Clients that buy fish as fast as they are served. They retry and hedge, send a key again while it runs, soon after and
 * long after, and at times from another client, as people and queues do.
 */
import { setTimeout } from 'node:timers/promises';
import { type Client, type ClientOptions, createClient, isRpcError, newIdempotencyKey, silentLogger } from 'hawser';
import type { SeededRandom } from 'hawser/testing';
import { BadFish, Orders } from '../../../gen/market/v1/market.rpc.js';
import * as thrift from '../../../gen/market.js';
import type { Entry, Ledger } from './ledger.js';
import type { ServeCommand } from './server.js';

const unknownFish = 'unicorn';
/** What a crash or a lost connection may end a call with. */
const expected = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'ABORTED']);

export interface LoadInit {
  readonly wire: ServeCommand['wire'];
  readonly addresses: readonly string[];
  readonly ledger: Ledger;
  readonly random: SeededRandom;
  readonly clients: number;
  /** Calls of each client at a time. */
  readonly inFlight: number;
}

type Buyer = Pick<Client<typeof Orders>, 'placeOrder' | '$close'>;

export class Load {
  readonly #init: LoadInit;
  readonly #buyers: Buyer[];
  readonly #recent: Entry[] = [];
  #stopped = false;
  #workers: Promise<void>[] = [];

  constructor(init: LoadInit) {
    this.#init = init;
    this.#buyers = Array.from({ length: init.clients }, (_, n) => buyer(init, n));
  }

  start(): void {
    const { clients, inFlight, random } = this.#init;
    this.#workers = Array.from({ length: clients * inFlight }, (_, n) => this.#work(random.fork(`worker ${n}`)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  /** Sends every key that has no answer, and some that have, until each has one. */
  async settle(): Promise<void> {
    const { ledger, random } = this.#init;
    const all = [...ledger.entries.values()];
    const open = all.filter(({ acknowledged }) => acknowledged === 0);
    const sample = Array.from({ length: Math.min(500, all.length) }, () => random.pick(all));
    const queue = [...open, ...sample];
    const drain = async (): Promise<void> => {
      for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
        const before = entry.acknowledged;
        for (let left = 50; entry.acknowledged === before && left > 0; left--) await this.#send(entry, random);
      }
    };
    await Promise.all(Array.from({ length: 16 }, drain));
  }

  async close(): Promise<void> {
    await Promise.all(this.#buyers.map((one) => one.$close({ grace: 0 })));
  }

  async #work(random: SeededRandom): Promise<void> {
    while (!this.#stopped) {
      const answered = await this.#send(this.#choose(random), random);
      // To call on and on while nobody serves would only keep the next server from its start.
      if (!answered) await setTimeout(random.next() * 40);
    }
  }

  #choose(random: SeededRandom): Entry {
    const recent = this.#recent;
    const draw = random.next();
    if (recent.length > 0 && draw < 0.2) return random.pick(recent.slice(-10));
    if (recent.length > 0 && draw < 0.4) return random.pick(recent);
    const fish = random.chance(0.1) ? unknownFish : 'halibut';
    const entry = this.#init.ledger.add(newIdempotencyKey(), fish, 1 + random.int(1_000));
    recent.push(entry);
    if (recent.length > 2_000) recent.splice(0, 1_000);
    return entry;
  }

  /** Whether there was an answer. */
  async #send(entry: Entry, random: SeededRandom): Promise<boolean> {
    const { ledger } = this.#init;
    const { key, fish, pounds } = entry;
    const call = random
      .pick(this.#buyers)
      .placeOrder({ orderId: '', fish, pounds }, { idempotencyKey: key, timeout: '3s' });
    call.headers.then(
      (headers) => {
        if (headers.get('idempotent-replayed') === 'true') ledger.replays += 1;
      },
      () => {},
    );
    try {
      const { number, total } = await call;
      ledger.acknowledge(entry, `sold ${number} ${total}`);
      return true;
    } catch (error) {
      if (error instanceof BadFish || error instanceof thrift.BadFish) {
        ledger.acknowledge(entry, `bad ${error.errorCode}`);
        return true;
      }
      if (isRpcError(error)) {
        if (error.disposition !== 'not-executed' && error.disposition !== 'rolled-back') entry.doubtful = true;
        if (!expected.has(error.code)) ledger.surprises.push(`${error.code} ${error.reason}: ${error.message}`);
      } else ledger.surprises.push(String(error));
      return false;
    }
  }
}

function buyer({ wire, addresses, random }: LoadInit, n: number): Buyer {
  const options: ClientOptions = {
    logger: silentLogger,
    random: random.fork(`client ${n}`),
    retry: { maxAttempts: 5, initialBackoff: 10, maxBackoff: 100 },
    hedge: { delay: 25, maxCopies: 3 },
    budget: { capacity: 1_000, perSecond: 1_000 },
    // Every attempt is to meet the crash, not to be kept from it.
    breaker: false,
    grpc: { reconnect: { initial: 10, max: 50 } },
  };
  if (wire === 'grpc') return createClient(Orders, `grpc://${addresses.join(',')}`, options);
  const to = addresses.map((address) => `thrift://${address}?wire=header`);
  return createClient(thrift.Orders, to, options) as unknown as Buyer;
}

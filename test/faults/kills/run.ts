/**
 * One kill run: servers under load, SIGKILL at random moments, connections lost after the commit; then every key is asked
 * for again, and what the clients know is held against the effects in the database.
 */
import { setTimeout } from 'node:timers/promises';
import { type SeededRandom, seededRandom } from 'hawser/testing';
import { Ledger, type Verdict } from './ledger.js';
import { Load } from './load.js';
import { ServerNode } from './node.js';
import type { ServeCommand } from './server.js';

export interface KillRun {
  readonly program: string;
  readonly wire: ServeCommand['wire'];
  readonly store: ServeCommand['store'];
  readonly servers: number;
  readonly kills: number;
  readonly seed: string;
  /** The numbers of all effects, by key. */
  readonly effects: () => Promise<ReadonlyMap<string, readonly number[]>>;
  /** More clients, told of the addresses; what it returns ends them. */
  readonly guest?: (addresses: readonly string[], ledger: Ledger) => () => Promise<void>;
}

export interface KillReport extends Verdict {
  readonly seed: string;
  readonly kills: number;
  readonly surprises: readonly string[];
  /** Before the keys without an answer were asked for again. */
  readonly atTheEnd: Verdict;
}

/** ms that a server lives at most once it is under load. */
const longestLife = 150;

export async function killRun(run: KillRun): Promise<KillReport> {
  const random = seededRandom(run.seed);
  const { wire, store, program, seed, kills } = run;
  const nodes: ServerNode[] = [];
  const ledger = new Ledger();
  let load: Load | undefined;
  try {
    for (let n = 0; n < run.servers; n++) nodes.push(await ServerNode.start(program, wire, store));
    const addresses = nodes.map(({ address }) => address);
    load = new Load({ wire, addresses, ledger, random: random.fork('load'), clients: 4, inFlight: 8 });
    const endGuest = run.guest?.(addresses, ledger);
    load.start();
    const resets = losingAnswers(nodes, ledger, random.fork('resets'));
    await killing(nodes, kills, ledger, random.fork('kills'));
    await resets.stop();
    await load.stop();
    await endGuest?.();
    const atTheEnd = ledger.check(await run.effects());
    await load.settle();
    // Nothing may rest in a process.
    for (const node of nodes) await node.kill();
    const verdict = ledger.check(await run.effects());
    return { seed, kills, surprises: ledger.surprises, atTheEnd, ...verdict };
  } finally {
    await load?.stop().catch(() => {});
    await load?.close();
    await Promise.all(nodes.map((node) => node.close()));
  }
}

async function killing(
  nodes: readonly ServerNode[],
  kills: number,
  ledger: Ledger,
  random: SeededRandom,
): Promise<void> {
  const restarts: Promise<void>[] = [];
  for (let killed = 0; killed < kills; killed++) {
    const node = random.pick(nodes.filter((one) => one.serving));
    await node.prepare();
    await answers(ledger, 5, `after ${killed} kills`);
    await setTimeout(random.next() * longestLife);
    await node.kill();
    const served = node.serve();
    // Of several servers others go on meanwhile, and may be the next to be killed.
    if (nodes.length === 1) await served;
    else restarts.push(served);
    await Promise.all(restarts.splice(0, Math.max(0, restarts.length - 1)));
  }
  await Promise.all(restarts);
}

/** A server that nobody reached would be killed in vain; how soon it is reached is the machine's matter. */
async function answers(ledger: Ledger, count: number, when: string): Promise<void> {
  const enough = ledger.answers + count;
  for (let left = 1_500; ledger.answers < enough; left--) {
    if (left === 0)
      throw new Error(`no call was answered for 15 s ${when}: ${ledger.surprises[0] ?? 'none failed oddly'}`);
    await setTimeout(10);
  }
}

function losingAnswers(nodes: readonly ServerNode[], ledger: Ledger, random: SeededRandom): { stop(): Promise<void> } {
  let stopped = false;
  const losing = (async () => {
    while (!stopped) {
      await setTimeout(random.next() * 100);
      const enough = ledger.answers + 20 + random.int(100);
      while (!stopped && ledger.answers < enough) await setTimeout(5);
      await random.pick(nodes).loseAnswers(2 + random.next() * 15);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await losing;
    },
  };
}

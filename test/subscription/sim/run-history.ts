/**
 * One history: a topic, a server and some clients, drawn from a seed; trouble for some virtual seconds; then peace until all
 * rest. The same seed gives the same history, to the last note.
 */
import type { DeliveryMode, Recovery, TopicDeclaration } from '../../../src/subscription/hub/declaration.js';
import type { StartAt } from '../../../src/subscription/subscriber/recovery.js';
import type { SubscriptionSpec } from '../../../src/subscription/subscriber/spec.js';
import { type SeededRandom, seededRandom } from '../../../src/testing/random.js';
import { emptyHistory, type History } from '../checker/history.js';
import { mergeMark } from '../checker/log.js';
import { type Hardships, hardshipsOf, type Suffering, suffer } from './hardships.js';
import { simPrincipal, type Tamper, type TamperUp } from './link.js';
import type { LogTime } from './memory-disk.js';
import { SimClient } from './sim-client.js';
import { SimClock } from './sim-clock.js';
import { SimPermissions, simKeys } from './sim-permissions.js';
import { SimServer } from './sim-server.js';

export type SimMode = 'EVERY' | 'EVERY without keys' | 'LATEST' | 'MERGE';
export const simModes: readonly SimMode[] = ['EVERY', 'EVERY without keys', 'LATEST', 'MERGE'];

export interface RunOptions {
  readonly mode: SimMode;
  readonly seed: string;
  readonly tamper?: () => Tamper;
  readonly tamperUp?: TamperUp;
  /** Where the log is kept; in memory by default. */
  readonly store?: 'memory' | 'sqlite';
  /** Copies of the log are put back. */
  readonly restores?: boolean;
  /** The time of day is set, an hour back and a day ahead, and many keys have an end. */
  readonly clockSteps?: boolean;
  /** The time of a log in memory. */
  readonly time?: LogTime;
  /** What clients may see changes, and so does what they ask for. */
  readonly permissions?: boolean;
  /** Drawn by default. */
  readonly hardships?: Hardships;
}

const slackMs = 1500;
const answerTimeout = 2000;
/** ms after which a server knows that its log was put back. */
const noticeMs = 3000;
const trouble = 6000;
/** Virtual ms in which everybody must have come to rest: a few times what one reconnect takes at worst... */
const peace = 40_000;
/** ... and for each update of the log the longest interval that one with a credit of one may have asked for, and the way. */
const peacePerUpdate = 400;
const name = 'sim.Topic/Watch';
/** Keys that are published at all. */
const keys = 6;
/** ms that clocks are ahead. */
const timesOfDay = [0, 0, -3_600_000, 86_400_000] as const;

export async function runHistory({
  mode,
  seed,
  tamper,
  tamperUp,
  store,
  restores = false,
  clockSteps = false,
  time,
  permissions = false,
  hardships: drawn = hardshipsOf(seededRandom(seed).fork('hardships')),
}: RunOptions): Promise<History> {
  const random = seededRandom(seed);
  const clock = new SimClock(store === 'sqlite' ? 16 : 0);
  const draw = random.fork('setting');
  const keyed = mode !== 'EVERY without keys';
  const declaration = declarationOf(mode, keyed, draw);
  const { count } = declaration.history;
  // Before a group go the deletions of its keys that have ended, which the log must hold too until they are written down.
  const room = keyed ? Math.max(Math.floor(count / 2), count - keys) : count;
  const hardships = { ...drawn, largestGroup: Math.min(drawn.largestGroup, room) };
  const history = emptyHistory(hardships.largestGroup);
  history.isMessage = (key, value) => value.startsWith(`${key}:`);
  const crashes = draw.chance(0.4) || restores;
  const server = new SimServer({
    clock,
    random: random.fork('epochs'),
    declaration,
    history,
    flushMs: draw.chance(0.4) ? 1 + draw.int(40) : 0,
    heartbeatMs: hardships.heartbeatMs,
    frameBytes: hardships.frameBytes,
    slackMs,
    maxReplay: draw.chance(0.2) ? 5 + draw.int(20) : 1_000_000,
    sqlite: store === 'sqlite',
    permissions: permissions ? new SimPermissions(random.fork('permissions'), clock, history) : undefined,
    time,
    clocks: clockSteps ? random.fork('clocks') : undefined,
  });
  const clients: SimClient[] = [];
  const troubled: SimClient[] = [];
  for (let n = 0; n < 1 + draw.int(3); n++) {
    const steady = !crashes && draw.chance(0.3) && !hardships.pauses && !hardships.quiet;
    const client = new SimClient({
      name: `client ${n}`,
      clock,
      random: random.fork(`client ${n}`),
      server,
      history,
      latency: [1, 1 + draw.int(10)],
      answerTimeout,
      tamper: tamper?.(),
      tamperUp,
    });
    clients.push(client);
    if (!steady) troubled.push(client);
    for (let s = 0; s < 1 + draw.int(2); s++) {
      const slow = !steady && draw.chance(0.4);
      client.subscribe(
        `client ${n}.${s}`,
        specOf(declaration, keyed, steady, draw),
        slow ? { every: 5 + draw.int(200), count: 1 + draw.int(3) } : { every: 0, count: 0 },
        steady ? 200 : undefined,
      );
    }
  }
  const restoring = restores ? random.fork('restores') : undefined;
  const setting = clockSteps ? random.fork('clock') : undefined;
  const changing = permissions ? random.fork('changes') : undefined;
  const suffering = { hardships, random: random.fork('suffering'), server, clients, keyed };
  await act({
    clock,
    server,
    troubled,
    keyed,
    crashes,
    random: random.fork('acts'),
    restoring,
    setting,
    changing,
    suffering,
  });
  server.quietUntil = 0;
  server.start();
  for (const client of clients) client.hurry();
  const end = clock.now() + peace + peacePerUpdate * server.position.seq;
  const atRest = (): boolean => clients.every((client) => client.resting(server.position));
  // Who is not publishing finds out when it looks.
  const found = server.restoredAt + noticeMs;
  while (clock.now() < end && (clock.now() < found || !atRest())) await clock.runTo(clock.now() + 200, () => false);
  // An answer about permissions, or a reset on a slow link, finds readers that look at rest.
  const calm = permissions ? 10 : 0;
  for (let looks = 0; looks < calm && clock.now() < end; looks = atRest() ? looks + 1 : 0) {
    await clock.runTo(clock.now() + 200, () => false);
  }
  for (const client of clients) client.noteRest();
  return history;
}

interface Acting {
  readonly clock: SimClock;
  readonly server: SimServer;
  readonly troubled: readonly SimClient[];
  readonly keyed: boolean;
  readonly crashes: boolean;
  readonly random: SeededRandom;
  /** Copies of the log are put back as it says. */
  readonly restoring: SeededRandom | undefined;
  /** The time of day is set as it says. */
  readonly setting: SeededRandom | undefined;
  /** Permissions and keys change as it says. */
  readonly changing: SeededRandom | undefined;
  readonly suffering: Suffering;
}

async function act(acting: Acting): Promise<void> {
  const { clock, server, troubled, keyed, crashes, random, restoring, setting, changing, suffering } = acting;
  const { largestGroup, heartbeatMs } = suffering.hardships;
  let n = 0;
  const publish = (): void => {
    const grouped = random.chance(0.2);
    const size = 1 + random.int(grouped ? largestGroup : 3);
    const updates = Array.from({ length: size }, () => {
      const key = keyed ? `k${random.int(keys)}` : '';
      const value = keyed && random.chance(0.25) ? undefined : Buffer.from(`${key}:${++n}`);
      const ends = keyed && value !== undefined;
      const ttl = ends && random.chance(0.03) ? 500 + random.int(2000) : 0;
      return { key, value, ttl: ends && setting?.chance(0.3) === true ? 100 + setting.int(3000) : ttl };
    });
    if (grouped) server.publish(updates);
    else for (const update of updates) server.publish([update]);
  };
  while (clock.now() < trouble) {
    await clock.runTo(clock.now() + (random.chance(0.3) ? 0 : random.int(120)));
    if (setting?.chance(0.1) === true) clock.set(setting.pick(timesOfDay));
    if (restoring !== undefined) await restore(server, restoring, clock, troubled);
    if (changing !== undefined) changeViews(server, suffering.clients, changing, keyed);
    suffer(suffering);
    const what = random.next();
    if (what < 0.6) publish();
    else if (what < 0.66) await clock.runTo(clock.now() + random.int(1500));
    else if (what < 0.94) disturb(troubled, random, heartbeatMs);
    else if (crashes && what < 0.97) {
      server.kill();
      for (const client of troubled) {
        if (random.chance(0.2)) client.silence(heartbeatMs + slackMs + answerTimeout, 1);
        else client.link?.crash();
      }
      await clock.runTo(clock.now() + random.int(400));
      server.start(random.chance(0.3));
    } else if (crashes && what < 0.985) server.goAway(random.int(300));
  }
}

/** Other keys may be seen, or somebody asks for others. What is asked for holds one that everybody may see. */
function changeViews(server: SimServer, clients: readonly SimClient[], random: SeededRandom, keyed: boolean): void {
  if (random.chance(0.12)) server.changePermissions(simPrincipal);
  if (!keyed || !random.chance(0.05)) return;
  const { subscriber, asked } = random.pick(random.pick(clients).subscribers);
  if (subscriber.over) return;
  const keys = random.chance(0.3) ? 'all' : simKeys.filter((key) => key === 'k0' || random.chance(0.4));
  asked.push(keys);
  subscriber.amend({ keys });
}

/** A copy is made, or put back: while the server runs, or is down for it; once, or again before anything else happens. */
async function restore(
  server: SimServer,
  random: SeededRandom,
  clock: SimClock,
  troubled: readonly SimClient[],
): Promise<void> {
  if (random.chance(0.12) && server.up) server.copy();
  if (!random.chance(0.06)) return;
  const down = random.chance(0.5);
  if (down) {
    server.kill();
    for (const client of troubled) client.link?.crash();
  }
  for (let times = random.chance(0.2) ? 2 : 1; times > 0; times--) server.putBack(random.next());
  if (!down) return;
  await clock.runTo(clock.now() + random.int(200));
  server.start();
}

function disturb(troubled: readonly SimClient[], random: SeededRandom, heartbeatMs: number): void {
  if (troubled.length === 0) return;
  const client = random.pick(troubled);
  const what = random.int(6);
  if (what === 0) client.link?.cut(random.int(300));
  else if (what === 1) client.silence(heartbeatMs + slackMs + answerTimeout, random.int(5000));
  else if (what === 2) client.slow(random.int(60));
  else if (what === 3) client.slow(0);
  else {
    const { subscriber } = random.pick(client.subscribers);
    subscriber.dispatch(what === 4 ? 'pause' : 'resume', undefined);
  }
}

function declarationOf(mode: SimMode, keyed: boolean, draw: SeededRandom): TopicDeclaration {
  const recoveries: readonly Recovery[] = ['PRECISE', 'REPEATING', 'DIVERGENT', 'GAP', 'CONVERGENT', 'CONVERGENT'];
  const recovery = draw.pick(keyed ? recoveries : recoveries.slice(0, 4));
  const delivery: DeliveryMode = mode === 'LATEST' || mode === 'MERGE' ? mode : 'EVERY';
  return {
    name,
    mode: delivery,
    conflation: draw.pick(['ON_PRESSURE', 'ON_PRESSURE', 'ALWAYS', 'NEVER']),
    recovery,
    history: { count: draw.chance(0.5) ? 8 + draw.int(30) : 10_000, age: Number.POSITIVE_INFINITY, bytes: 1 << 20 },
    durability: 'NONE',
    tombstones: draw.chance(0.5) ? 1 + draw.int(4) : 10_000,
    maxKeys: 1000,
    check: (value) => {
      if (!/^(k[0-5])?:/.test(Buffer.from(value).toString('latin1'))) throw new Error('it is no key, colon and text');
    },
    keyOf: keyed ? (value) => Buffer.from(value).toString('latin1').split(':')[0] ?? '' : undefined,
    merge:
      mode === 'MERGE'
        ? (values) => Buffer.from(values.map((value) => Buffer.from(value).toString('latin1')).join(mergeMark))
        : undefined,
    takes: (parameters) => parameters === '',
  };
}

function specOf({ recovery }: TopicDeclaration, keyed: boolean, steady: boolean, draw: SeededRandom): SubscriptionSpec {
  const starts: readonly StartAt[] = [
    { kind: 'default' },
    { kind: 'default' },
    { kind: 'head' },
    { kind: 'snapshot' },
    { kind: 'seq', seq: 1 },
    { kind: 'last', count: 3 },
  ];
  const tight = !steady && draw.chance(0.5);
  const everything = draw.chance(0.15);
  return {
    topic: name,
    keys: keyed && draw.chance(0.3) ? ['k0', 'k1', 'k2'] : 'all',
    start: draw.pick(starts),
    accept: everything ? ['REPLAY', 'CONFLATED', 'RESET', 'GAP'] : undefined,
    recovery,
    mode: undefined,
    conflate: undefined,
    overflow: undefined,
    minInterval: !steady && draw.chance(0.2) ? 10 + draw.int(300) : 0,
    maxBps: 0,
    credit: tight ? { updates: 1 + draw.int(6), bytes: 20 + draw.int(200) } : { updates: 1024, bytes: 1 << 20 },
    durableName: recovery === 'REPEATING' ? 'sim' : '',
    priority: 0,
    changes: draw.chance(0.8),
    maxKeys: 100,
    maxBytes: 1 << 20,
  };
}

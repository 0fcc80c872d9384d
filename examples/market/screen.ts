/** What the view shows, as lines of text: knows nothing of terminals but their size. */

export interface Frame {
  readonly address: string;
  readonly head: number;
  readonly restarts: number;
  readonly running: boolean;
  readonly network: boolean;
  /** Oldest first. */
  readonly happened: readonly string[];
  readonly subscribers: readonly {
    readonly name: string;
    readonly terms: string;
    readonly state: string;
    readonly outcome: string | undefined;
    readonly seq: number;
    readonly lag: number;
    readonly represented: number;
    readonly skipped: number;
    readonly gapped: number;
    readonly prices: ReadonlyMap<string, number>;
  }[];
}

const label = 14;
const column = 32;

/** At most `rows` lines of at most `columns` characters. */
export function screen(frame: Frame, columns: number, rows: number): string[] {
  const { address, head, restarts, running, network, subscribers, happened } = frame;
  const row = (name: string, of: (one: Frame['subscribers'][number]) => string): string =>
    `  ${name.padEnd(label)}${subscribers.map((one) => of(one).padEnd(column)).join('')}`;
  const fish = [...new Set(subscribers.flatMap(({ prices }) => [...prices.keys()]))].sort();
  const above = [
    `The fish market: market.v1.Quotes/Prices on ${address}`,
    '',
    `  log at ${head}    network ${network ? 'up' : 'CUT'}    server ${running ? 'up' : 'DOWN'}, restarted ${restarts} times`,
    '',
    row('', ({ name }) => name.toUpperCase()),
    row('', ({ terms }) => terms),
    row('state', ({ state }) => state),
    row('last outcome', ({ outcome = '' }) => outcome),
    row('position', ({ seq }) => String(seq)),
    row('lag', ({ lag }) => String(lag)),
    row('updates', ({ represented }) => String(represented)),
    row('skipped', ({ skipped }) => String(skipped)),
    row('lost', ({ gapped }) => String(gapped)),
    '',
    ...fish.map((name) => row(name, ({ prices }) => prices.get(name)?.toFixed(2).padStart(6) ?? '')),
    '',
  ];
  const below = ['', '  c  cut the network and restart the server     q  end'];
  const room = Math.max(0, rows - above.length - below.length);
  const events = room === 0 ? [] : happened.slice(-room).map((one) => `  ${one}`);
  const blank = Array<string>(room - events.length).fill('');
  return [...above, ...events, ...blank, ...below].slice(0, rows).map((line) => line.trimEnd().slice(0, columns));
}

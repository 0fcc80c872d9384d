/** `npm start` in a terminal: the prices as two subscribers have them, live. The screen is made anew ten times a second from what they say. */
import { emitKeypressEvents } from 'node:readline';
import { type Follower, type Followers, follow } from './followers.js';
import type { MarketServer } from './market-server.js';
import { type Frame, screen } from './screen.js';

/** ms between two trades, two screens, and two cuts with `--chaos`. */
const pace = 20;
const refresh = 100;
const cutEvery = 10_000;
/** Lines of what happened that are kept. */
const most = 50;

const enter = '\x1b[?1049h\x1b[?25l';
const leave = '\x1b[?25h\x1b[?1049l';

/** Resolves when the user has had enough. */
export async function showView(market: MarketServer, options: { readonly chaos: boolean }): Promise<void> {
  const happened: string[] = [];
  const tell = (what: string): void => {
    happened.push(`${new Date().toTimeString().slice(0, 8)}  ${what}`);
    if (happened.length > most) happened.shift();
  };
  market.trade(pace);
  const followers = await follow(market, tell);
  const cut = (): void =>
    void followers.cut().catch((error: Error) => tell(`the server did not start: ${error.message}`));
  const draw = (): void => {
    const { columns = 80, rows = 24 } = process.stdout;
    process.stdout.write(
      `\x1b[H${screen(frameOf(market, followers, happened), columns, rows).join('\x1b[K\r\n')}\x1b[J`,
    );
  };
  process.stdout.write(enter);
  const drawing = setInterval(draw, refresh);
  const cuts = options.chaos ? setInterval(cut, cutEvery) : undefined;
  try {
    await enough(cut);
  } finally {
    clearInterval(drawing);
    clearInterval(cuts);
    process.stdout.write(leave);
    await followers.close();
  }
}

/** Resolves on q, Ctrl-C or a signal. */
function enough(cut: () => void): Promise<void> {
  const { stdin } = process;
  return new Promise((resolve) => {
    const done = (): void => {
      stdin.off('keypress', press);
      stdin.setRawMode(false);
      stdin.pause();
      resolve();
    };
    const press = (_: string, { name, ctrl }: { readonly name?: string; readonly ctrl?: boolean }): void => {
      if (name === 'q' || (ctrl === true && name === 'c')) done();
      else if (name === 'c') cut();
    };
    emitKeypressEvents(stdin);
    stdin.setRawMode(true);
    stdin.on('keypress', press);
    stdin.resume();
    process.once('SIGINT', done);
    process.once('SIGTERM', done);
  });
}

function frameOf(market: MarketServer, followers: Followers, happened: readonly string[]): Frame {
  const { head, restarts, running, bound } = market;
  return {
    ...{ address: bound.grpc, head, restarts, running, network: followers.network, happened },
    subscribers: followers.each.map((one) => subscriberOf(one, head)),
  };
}

/** Its own `lag` is up to what the server last told it; here the newest is known. */
function subscriberOf({ name, terms, outcome, subscription }: Follower, head: number): Frame['subscribers'][number] {
  const { state, position, stats } = subscription;
  const seq = position?.seq ?? 0;
  const prices = new Map([...subscription.replica()].map(([fish, { price }]) => [fish, price]));
  return { name, terms, outcome, state, seq, lag: Math.max(0, head - seq), ...stats, prices };
}

/** Load on a server, open loop: calls begin when they are due, whatever became of those before. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createClient, isRpcError } from 'hawser';
import { fromSource } from '../../support/program.js';
import { type Method, methods, mix, Work } from './service.js';

export interface Outcomes {
  readonly sent: Record<Method, number>;
  readonly ok: Record<Method, number>;
  readonly codes: Record<string, number>;
  /** ms that calls took which were answered. */
  readonly times: number[];
  readonly seconds: number;
}

/** What the server has counted since its start; memory in bytes, after a garbage collection. */
export interface Counts {
  /** Handlers begun, and requests decoded. */
  readonly run: number;
  readonly requests: number;
  readonly refused: number;
  readonly heapUsed: number;
  readonly rss: number;
}

const zeros = (): Record<Method, number> => ({ plus: 0, critical: 0, sheddablePlus: 0, sheddable: 0 });

export async function startServer(...args: string[]) {
  const child = spawn(process.execPath, ['--expose-gc', ...fromSource, `${import.meta.dirname}/server.ts`, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const address = (await lines.next()).value as string;
  const client = createClient(Work, `grpc://${address}`, { retry: false, throttle: false, timeout: 500 });
  return {
    client,
    async counts(): Promise<Counts> {
      child.stdin.write('?\n');
      return JSON.parse((await lines.next()).value as string);
    },
    async stop(): Promise<void> {
      await client.$close();
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

export type Served = Awaited<ReturnType<typeof startServer>>;

/** Calls a second that the server answers when it is kept busy and not more. */
export async function capacity({ client }: Served, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  let done = 0;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (performance.now() < end) {
        // Where others have the machine, a few are refused even now.
        const ok = await client.critical({ id: done }).then(
          () => true,
          () => false,
        );
        if (ok) done += 1;
      }
    }),
  );
  return Math.max(1, done) / seconds;
}

/** `rate` calls a second for so long, of the stated mix; resolves when all of them are over. */
export async function offer({ client }: Served, rate: number, seconds: number, timeout = 500): Promise<Outcomes> {
  const outcomes: Outcomes = { sent: zeros(), ok: zeros(), codes: {}, times: [], seconds };
  const order = methods.flatMap((name) => Array.from({ length: mix[name] }, () => name));
  const pending = new Set<Promise<void>>();
  const start = performance.now();
  let sent = 0;
  const one = async (): Promise<void> => {
    // 37 is prime to 100: every method comes in turn, evenly spread.
    const name = order[(sent * 37) % order.length] as Method;
    outcomes.sent[name] += 1;
    const began = performance.now();
    try {
      await client[name]({ id: sent }, { timeout });
      outcomes.ok[name] += 1;
      outcomes.times.push(performance.now() - began);
    } catch (error) {
      const code = isRpcError(error) ? `${error.code} ${error.reason}` : String(error);
      outcomes.codes[code] = (outcomes.codes[code] ?? 0) + 1;
    }
  };
  await new Promise<void>((resolve) => {
    const tick = setInterval(() => {
      const elapsed = (performance.now() - start) / 1_000;
      for (; sent < Math.min(elapsed, seconds) * rate; sent++) {
        const call = one().finally(() => pending.delete(call));
        pending.add(call);
      }
      if (elapsed < seconds) return;
      clearInterval(tick);
      resolve();
    }, 2);
  });
  await Promise.all(pending);
  return outcomes;
}

export const sum = (numbers: Record<Method, number>): number => Object.values(numbers).reduce((a, b) => a + b, 0);

export const share = ({ ok, sent }: Pick<Outcomes, 'ok' | 'sent'>, ...names: Method[]): number =>
  names.reduce((all, name) => all + ok[name], 0) / names.reduce((all, name) => all + sent[name], 0);

export function percentile(times: readonly number[], p: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((p / 100) * sorted.length) - 1)] ?? 0;
}

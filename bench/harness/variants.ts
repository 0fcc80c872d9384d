/**
 * A bench of Hawser against itself: the cases are variants of one program (a policy on and off), all in one process, measured
 * in turns. The name of a case is what is called, a slash, and what is different about it.
 */
import type { Actor } from './actor.js';
import { type Bench, interleave, type Plan } from './bench.js';
import type { Remote } from './remote.js';

export interface Measured {
  readonly metric: string;
  readonly unit: string;
  readonly value: number;
}

/** One variant: measures for so many seconds. */
export type Variant = (seconds: number) => Promise<readonly Measured[]>;

/** What `variantBench` starts: makes a variant when it is first asked for. */
export function variantActor(
  variants: Readonly<Record<string, () => Promise<Variant>>>,
  end?: () => Promise<void>,
): Actor {
  const made = new Map<string, Promise<Variant>>();
  return {
    ...(end === undefined ? {} : { end }),
    async measure({ name, seconds }: { name: string; seconds: number }): Promise<readonly Measured[]> {
      let variant = made.get(name);
      if (variant === undefined) {
        const make = variants[name];
        if (make === undefined) throw new Error(`there is no variant ${name}`);
        variant = make();
        made.set(name, variant);
      }
      return (await variant)(seconds);
    },
  };
}

export interface VariantBench extends Pick<Bench, 'name' | 'title' | 'cases'> {
  readonly module: string;
  readonly actor: () => unknown;
  /** Cases that are left out, with a line that says why, where something is missing. */
  readonly missing?: (name: string) => string | undefined;
  readonly subject?: string;
  /** Cases that leave something behind in their process; each gets one of its own. */
  readonly apart?: readonly string[];
}

/**
 * Seconds of a turn. Many short ones, as variants are compared to a few percent and a machine that others use goes through
 * faster and slower seconds: two turns side by side see the same of it.
 */
const turn = 0.1;
/** Turns between two lines of progress. */
const turnsOfLine = 20;

const turnsOf = ({ runs, seconds }: Plan): number => Math.max(1, Math.round((runs * seconds * 1.5) / turn));

export function variantBench({
  module,
  actor,
  missing,
  subject = 'hawser',
  apart = [],
  ...about
}: VariantBench): Bench {
  return {
    ...about,
    mustHold: [],
    subjects: [subject],
    estimate: (plan) => plan.cases.length * (1 + plan.seconds + turnsOf(plan) * (turn + 0.005)),
    async run(plan) {
      const remotes = new Map<string, Promise<Remote>>();
      const able = plan.cases.filter((name) => {
        const why = missing?.(name);
        if (why !== undefined) plan.progress(`${name} is left out: ${why}`);
        return why === undefined;
      });
      const ask = async (name: string, seconds: number): Promise<readonly Measured[]> => {
        const key = apart.includes(name) ? name : '';
        const remote = remotes.get(key) ?? plan.spawn(about.name, module, actor, {});
        remotes.set(key, remote);
        return (await remote).ask('measure', { name, seconds }, seconds * 1_000 + 60_000);
      };
      // The cases are to each other what subjects are in other benches.
      const measure = async (name: string, run: number): Promise<void> => {
        if (run === 0) await ask(name, plan.seconds);
        for (const { metric, unit, value } of await ask(name, turn)) {
          plan.record(name, subject, metric, unit, run, value);
        }
      };
      await interleave(plan, 'variants', able, turnsOf(plan), measure, turnsOfLine);
      for (const remote of remotes.values()) (await remote).kill();
    },
  };
}

/** Calls one after another in each of `atOnce` loops, and what one costs this process: both sides, where both are in it. */
export async function cpuOf(call: () => Promise<unknown>, atOnce: number, seconds: number): Promise<Measured[]> {
  const started = performance.now();
  const before = process.cpuUsage();
  const until = started + seconds * 1_000;
  let calls = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      await call();
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const { user, system } = process.cpuUsage(before);
  return [
    { metric: 'cpu_us_per_call', unit: 'us', value: (user + system) / calls },
    { metric: 'calls_per_s', unit: '1/s', value: calls / ((performance.now() - started) / 1_000) },
  ];
}

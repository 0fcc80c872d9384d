/** What a bench is to the roof: names of cases and subjects, how long they take, and a function that measures and records. */
import type { ActorFactory } from './actor.js';
import type { Remote, SpawnOptions } from './remote.js';
import { spawnActor } from './remote.js';
import type { Results } from './results.js';

export interface Bench {
  readonly name: string;
  /** One line for `--list`. */
  readonly title: string;
  readonly cases: readonly string[];
  /** Those that a default run measures. */
  readonly mustHold: readonly string[];
  readonly subjects: readonly string[];
  /** About how long the plan takes, seconds. */
  estimate(plan: Plan): number;
  /** Records what it measures; a subject that fails is recorded as failed. */
  run(plan: Plan): Promise<void>;
}

export interface PlanInit {
  readonly bench: Bench;
  readonly cases: readonly string[];
  readonly subjects: readonly string[];
  readonly runs: number;
  readonly seconds: number;
  /** Numbers of calls and connections are multiplied with it: 1, and less for a smoke run. */
  readonly scale: number;
  readonly results: Results;
  readonly progress: (text: string) => void;
}

/** The part of a run that one bench is: what to measure, how long and how often, and where the numbers go. */
export class Plan {
  readonly #init: PlanInit;
  readonly #remotes = new Set<Remote>();

  constructor(init: PlanInit) {
    this.#init = init;
  }

  get cases(): readonly string[] {
    return this.#init.cases;
  }

  get subjects(): readonly string[] {
    return this.#init.subjects;
  }

  get runs(): number {
    return this.#init.runs;
  }

  /** Of one measurement, after its warm-up. */
  get seconds(): number {
    return this.#init.seconds;
  }

  /** Before each measurement. */
  get warmUp(): number {
    return Math.min(0.3, this.#init.seconds / 3);
  }

  /** `count`, less in a smoke run, at least `least`. */
  scaled(count: number, least = 1): number {
    return Math.max(least, Math.round(count * this.#init.scale));
  }

  record(name: string, subject: string, metric: string, unit: string, run: number, value: number): void {
    this.#init.results.add({ bench: this.#init.bench.name, case: name, subject, metric }, unit, run, value);
  }

  failed(name: string, subject: string, error: Error): void {
    this.#init.results.failures.push({ bench: this.#init.bench.name, case: name, subject, message: error.message });
  }

  /** Leaves a subject out, by name. */
  skipped(name: string, subject: string, why: Error): void {
    this.#init.results.skipped.push({ bench: this.#init.bench.name, case: name, subject, message: why.message });
  }

  progress(text: string): void {
    this.#init.progress(`${this.#init.bench.name} ${text}`);
  }

  /** A process with what `factory`, exported under its own name by `module`, makes. It ends with the bench. */
  async spawn<Args>(
    name: string,
    module: string,
    factory: ((args: Args) => unknown) & { readonly name: string },
    args: Args,
    options: SpawnOptions = {},
  ): Promise<Remote> {
    const remote = await spawnActor(name, module, (factory as ActorFactory).name, args, options);
    this.#remotes.add(remote);
    return remote;
  }

  end(): void {
    for (const remote of this.#remotes) remote.kill();
    this.#remotes.clear();
  }
}

/**
 * Every subject once, then again, as often as the plan says (A B A B): what happens to the machine happens to all. `measure`
 * that throws takes its subject out of the case, and the others go on. Progress is said in each `every`th run.
 */
export async function interleave(
  plan: Plan,
  name: string,
  subjects: readonly string[],
  runs: number,
  measure: (subject: string, run: number) => Promise<void>,
  every = 1,
): Promise<void> {
  const out = new Set<string>();
  for (let run = 0; run < runs; run++) {
    for (const subject of subjects) {
      if (out.has(subject)) continue;
      if (run % every === 0) plan.progress(`${name}  run ${run + 1}/${runs}  ${subject}`);
      try {
        await measure(subject, run);
      } catch (error) {
        out.add(subject);
        plan.failed(name, subject, error as Error);
      }
    }
  }
}

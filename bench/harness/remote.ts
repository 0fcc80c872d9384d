/**
 * Processes that a bench starts, and questions to them. Every question has a deadline, and a process that dies rejects what it
 * was asked: a bench that fails is an error line, never a hang. All are killed when the main process ends.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answer, Usage } from './actor.js';

const childEntry = fileURLToPath(new URL('./child.ts', import.meta.url));
const startDeadline = 30_000;
const running = new Set<ChildProcess>();

/** Ends what still runs; at the end of the main process, however that comes. */
export function killAll(): void {
  for (const child of running) child.kill();
  running.clear();
}
process.on('exit', killAll);

export interface SpawnOptions {
  /** `usage` collects garbage before it looks. */
  readonly exposeGc?: boolean;
}

export class Remote {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #last = 0;
  #dead: Error | undefined;
  #errors = '';

  constructor(name: string, module: string, exported: string, args: unknown, { exposeGc = false }: SpawnOptions) {
    this.#name = name;
    // The built package, as users run it; a parent that runs from source has children that do.
    const conditions = process.execArgv.filter((option) => option.startsWith('--conditions='));
    const execArgv = [...conditions, '--import', 'tsx', ...(exposeGc ? ['--expose-gc'] : [])];
    this.#child = fork(childEntry, [module, exported, JSON.stringify(args)], {
      execArgv,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    running.add(this.#child);
    this.#child.stderr?.on('data', (text: Buffer) => {
      this.#errors = (this.#errors + text.toString()).slice(-2_000);
    });
    this.#child.on('message', (answer: Answer) => this.#answered(answer));
    this.#child.on('error', (error) => this.#died(error.message));
    this.#child.on('exit', (code, signal) => this.#died(`it ended with ${signal ?? code}`));
  }

  /** The process, once it can be asked. */
  started(): Promise<void> {
    return this.#wait<string>(0, 'start', startDeadline).then(() => {});
  }

  /** Rejects with an Error after `deadline` ms, or when the process ends, or with what the actor threw. */
  ask<T>(question: string, args: unknown = {}, deadline = 30_000): Promise<T> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    this.#last += 1;
    const answer = this.#wait<T>(this.#last, question, deadline);
    this.#child.send({ id: this.#last, ask: question, args }, () => {});
    return answer;
  }

  usage(reset = false): Promise<Usage> {
    return this.ask<Usage>('usage', { reset });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  kill(): void {
    running.delete(this.#child);
    this.#dead ??= new Error(`${this.#name} was ended`);
    // An actor that started something outside its process ends it first, for which it gets 5 s.
    this.#child.kill();
    setTimeout(() => this.#child.kill('SIGKILL'), 6_000).unref();
  }

  #wait<T>(id: number, question: string, deadline: number): Promise<T> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`${this.#name} did not answer ${question} within ${deadline} ms`));
      }, deadline);
      const settle = <V>(fn: (value: V) => void) => {
        return (value: V): void => {
          clearTimeout(timer);
          this.#waiting.delete(id);
          fn(value);
        };
      };
      this.#waiting.set(id, { resolve: settle(resolve as (value: unknown) => void), reject: settle(reject) });
    });
  }

  #answered(answer: Answer): void {
    if ('value' in answer) this.#waiting.get(answer.id)?.resolve(answer.value);
    // 0 is not an answer to a question: nobody in the process caught it.
    else if (answer.id === 0) this.#died(answer.error);
    else this.#waiting.get(answer.id)?.reject(new Error(`${this.#name}: ${answer.error}`));
  }

  #died(why: string): void {
    running.delete(this.#child);
    const last = this.#errors.trim().split('\n').slice(-4).join(' | ');
    this.#dead ??= new Error(`${this.#name}: ${why}${last === '' ? '' : `: ${last}`}`);
    for (const { reject } of [...this.#waiting.values()]) reject(this.#dead);
  }
}

/** Starts `exported` of `module` (an absolute path) in a process of its own. */
export async function spawnActor(
  name: string,
  module: string,
  exported: string,
  args: unknown = {},
  options: SpawnOptions = {},
): Promise<Remote> {
  const remote = new Remote(name, module, exported, args, options);
  try {
    await remote.started();
  } catch (error) {
    remote.kill();
    throw error;
  }
  return remote;
}

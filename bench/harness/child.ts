/**
 * The entry of every process that a bench starts: `child.ts MODULE EXPORT ARGS`. It makes the actor, answers the questions of
 * the main process, and ends when that is gone, so that nothing is left running whatever happens to a bench.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Actor, ActorFactory, Answer, Question, Usage } from './actor.js';

const [, , modulePath = '', exported = '', args = 'null'] = process.argv;

function fail(error: unknown): void {
  send({ id: 0, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  process.exitCode = 1;
  setTimeout(() => process.exit(1), 100).unref();
}
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

function send(answer: Answer): void {
  if (process.connected) process.send?.(answer, undefined, undefined, () => {});
}

function usage({ reset = false }: { readonly reset?: boolean }): Usage {
  const { user, system } = process.cpuUsage();
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  const memory = process.memoryUsage();
  const used = { cpu: user + system, peakRss: peakRss(), rss: memory.rss, heap: memory.heapUsed + memory.external };
  if (reset) resetPeak();
  return used;
}

function peakRss(): number {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // No /proc: the peak of the whole life has to do.
  }
  return process.resourceUsage().maxRSS * 1024;
}

function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Then the peak stays that of the whole life.
  }
}

const module = (await import(pathToFileURL(modulePath).href)) as Record<string, ActorFactory>;
const factory = module[exported];
if (factory === undefined) throw new Error(`${modulePath} exports no ${exported}`);
const actor: Actor = { usage, ...(await factory(JSON.parse(args) as never)) };
const { end } = actor as { readonly end?: () => Promise<void> };
/** What the actor started outside this process ends with it. Where there is none, signals do what they always do. */
function leave(): void {
  if (end === undefined) process.exit(0);
  const late = setTimeout(() => process.exit(1), 5_000);
  end().finally(() => {
    clearTimeout(late);
    process.exit(0);
  });
}
process.once('disconnect', leave);
if (end !== undefined) process.once('SIGTERM', leave);
process.on('message', ({ id, ask, args: given }: Question) => {
  const answer = async (): Promise<unknown> => {
    const fn = actor[ask];
    if (fn === undefined) throw new Error(`${exported} of ${modulePath} does not answer ${ask}`);
    return fn(given as never);
  };
  answer().then(
    (value) => send({ id, value: value ?? null }),
    (error: Error) => send({ id, error: error.message }),
  );
});
send({ id: 0, value: 'ready' });

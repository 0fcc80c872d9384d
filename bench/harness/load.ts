/**
 * Two ways to call: a closed loop keeps a number of calls in flight, and says how many a second there are; an open loop begins
 * them at fixed times, whatever becomes of those before, and counts latency from the time a call was *due*. A server that
 * stops for a second is then charged for every call that would have come in it (no coordinated omission).
 */
import { Histogram } from './histogram.js';

export interface Load {
  readonly calls: number;
  readonly failed: number;
  /** Why the first that failed did. */
  readonly failure: string | undefined;
  readonly seconds: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

function loadOf(histogram: Histogram, failed: number, failure: string | undefined, started: number): Load {
  const seconds = (performance.now() - started) / 1_000;
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((q) => histogram.quantile(q)) as [number, number, number];
  return { calls: histogram.count, failed, failure, seconds, p50, p99, p999 };
}

/** Keeps `inFlight` calls going for so long; ends when the last has been answered. Each of them has its number. */
export async function closedLoop(
  call: (worker: number) => Promise<unknown>,
  inFlight: number,
  seconds: number,
): Promise<Load> {
  const histogram = new Histogram();
  let failed = 0;
  let failure: string | undefined;
  const started = performance.now();
  const until = started + seconds * 1_000;
  const work = async (worker: number): Promise<void> => {
    for (let now = performance.now(); now < until; ) {
      try {
        await call(worker);
        const end = performance.now();
        histogram.record((end - now) * 1_000);
        now = end;
      } catch (error) {
        failed += 1;
        failure ??= (error as Error).message;
        // What refuses at once must not make a loop that lets nothing else run.
        await new Promise((resolve) => setImmediate(resolve));
        now = performance.now();
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, worker) => work(worker)));
  return loadOf(histogram, failed, failure, started);
}

/** More calls than this unanswered is a queue without end. */
const mostOutstanding = 20_000;

/** Begins `rate` calls a second for so long. Rejects with an Error when answers fall hopelessly behind. */
export async function openLoop(call: () => Promise<unknown>, rate: number, seconds: number): Promise<Load> {
  const histogram = new Histogram();
  let failed = 0;
  let failure: string | undefined;
  let outstanding = 0;
  let begun = 0;
  const started = performance.now();
  const total = Math.max(1, Math.floor(rate * seconds));
  await new Promise<void>((resolve, reject) => {
    const settle = (): void => {
      outstanding -= 1;
      if (begun === total && outstanding === 0) resolve();
    };
    const begin = (due: number): void => {
      outstanding += 1;
      call().then(
        () => {
          histogram.record((performance.now() - due) * 1_000);
          settle();
        },
        (error: Error) => {
          failed += 1;
          failure ??= error.message;
          settle();
        },
      );
    };
    const tick = (): void => {
      const now = performance.now();
      for (; begun < total; begun++) {
        const due = started + (begun * 1_000) / rate;
        if (due > now) break;
        if (outstanding >= mostOutstanding) {
          reject(new Error(`${outstanding} calls are unanswered at ${Math.round(rate)} calls/s`));
          return;
        }
        begin(due);
      }
      // A timer is too coarse for the next call when it is near.
      if (begun < total) {
        if (started + (begun * 1_000) / rate - performance.now() > 2) setTimeout(tick, 1);
        else setImmediate(tick);
      }
    };
    tick();
  });
  return loadOf(histogram, failed, failure, started);
}

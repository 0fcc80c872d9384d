/** INV15: those whom a server sent away come back spread evenly over the window (chi-square over ten parts of it). */
import type { Report } from './check.js';
import type { History } from './history.js';

const parts = 10;
/** 9 degrees of freedom, p = 10^-6: a run of thousands of histories may not fail by chance. */
const limit = 45.1;
/** Fewer say nothing. */
const least = 100;

export function checkDepartures({ departures }: History, report: Report): void {
  for (const { window, after } of departures) {
    const late = after.find((one) => one < 0 || one > window);
    if (late !== undefined)
      report('INV15', 'departures', late, `one came back after ${late} ms of a window of ${window}`);
    if (after.length < least) continue;
    const counts = new Array<number>(parts).fill(0);
    for (const one of after) {
      const part = Math.min(parts - 1, Math.floor((one / window) * parts));
      counts[part] = (counts[part] ?? 0) + 1;
    }
    const expected = after.length / parts;
    const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    if (chi > limit)
      report(
        'INV15',
        'departures',
        0,
        `${after.length} came back in parts of ${counts.join(', ')}: chi-square ${chi.toFixed(1)}`,
      );
  }
}

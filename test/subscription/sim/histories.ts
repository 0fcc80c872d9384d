/**
 * Many histories of one mode, each checked. A failing one is named by its seed, with what led to it: set HAWSER_SEED to that
 * seed and it runs alone, the same way.
 */
import { expect, it } from 'vitest';
import { runs } from '../../support/soak.js';
import { check, describeViolations, type Violation } from '../checker/check.js';
import type { History } from '../checker/history.js';
import { type RunOptions, runHistory, type SimMode } from './run-history.js';

const perTest = 500;

/** `usual`: histories in CI. */
export function historiesKeepTheirPromises(
  mode: SimMode,
  usual: number,
  store: RunOptions['store'] = 'memory',
  restores = false,
  clockSteps = false,
): void {
  const given = process.env.HAWSER_SEED;
  if (given !== undefined) {
    it.runIf(given.startsWith(`${mode}/`))(`hold in the history ${given}`, () =>
      checkOne(mode, given, { store, restores, clockSteps }),
    );
    return;
  }
  const start = process.env.HAWSER_SOAK === undefined ? 0 : Math.floor(Math.random() * 1e9);
  const count = runs(usual);
  for (let first = 0; first < count; first += perTest) {
    const last = Math.min(first + perTest, count);
    it(`hold in the histories ${mode}/${start + first} to ${start + last - 1}`, { timeout: 600_000 }, async () => {
      for (let n = first; n < last; n++) await checkOne(mode, `${mode}/${start + n}`, { store, restores, clockSteps });
    });
  }
}

type Setting = Required<Pick<RunOptions, 'restores' | 'clockSteps'>> & { readonly store: RunOptions['store'] };

async function checkOne(mode: SimMode, seed: string, { store, ...setting }: Setting): Promise<void> {
  const history = await runHistory({ mode, seed, ...setting, ...(store === undefined ? {} : { store }) });
  const violations = check(history);
  if (violations.length > 0)
    expect.fail(`HAWSER_SEED='${seed}'\n${describeViolations(violations)}\n${ledTo(history, violations)}`);
}

/** The last notes before the first violation. */
function ledTo(history: History, [first]: readonly Violation[]): string {
  const notes = history.subscribers.find(({ name }) => name === first?.who)?.notes ?? [];
  return notes
    .filter(({ t }) => t <= (first?.t ?? 0))
    .slice(-12)
    .map((note) => `    ${JSON.stringify(note)}`)
    .join('\n');
}

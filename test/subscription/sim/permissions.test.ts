/**
 * Permissions change at random while subscriptions conflate, resume and are amended: no reader is sent a key that it may not see at
 * that time, and what it holds is a state of what it could see.
 */
import { describe, expect, it } from 'vitest';
import { runs } from '../../support/soak.js';
import { check, describeViolations, type Violation } from '../checker/check.js';
import { runHistory, type SimMode, simModes } from './run-history.js';

/** The other promises are of one view from beginning to end. */
const ofAnyView = ['INV1', 'INV2', 'INV8', 'INV10', 'INV11', 'INV13', 'INV14', 'INV18', 'INV20'];

async function broken(mode: SimMode, seed: string): Promise<{ violations: Violation[]; changes: number }> {
  const history = await runHistory({ mode, seed, permissions: true });
  const violations = check(history).filter(
    ({ invariant, what }) =>
      // A commit that another subscription made under the name is further than one that repeats has come.
      (ofAnyView.includes(invariant) && !(invariant === 'INV2' && what.includes('goes on from'))) ||
      (invariant === 'INV9' && what.includes('does not add up')),
  );
  return { violations, changes: history.permitted.get('anonymous')?.length ?? 0 };
}

describe.each(simModes)('while permissions change, a subscription in the mode %s', (mode) => {
  const given = process.env.HAWSER_SEED;
  const start = process.env.HAWSER_SOAK === undefined ? 0 : Math.floor(Math.random() * 1e9);

  it('is sent what may be seen when it is sent', { timeout: 600_000 }, async () => {
    const seeds =
      given === undefined
        ? Array.from({ length: runs(250) }, (_, n) => `${mode}/${start + n}`)
        : [given].filter((seed) => seed.startsWith(`${mode}/`));
    let changed = 0;
    for (const seed of seeds) {
      const { violations, changes } = await broken(mode, seed);
      if (violations.length > 0) expect.fail(`HAWSER_SEED='${seed}'\n${describeViolations(violations)}`);
      changed += changes;
    }
    if (given === undefined) expect(changed).toBeGreaterThan(seeds.length);
  });
});

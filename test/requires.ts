/**
 * What a test needs from outside (a server, another language's toolchain, the corpus). Absent, the
 * test is skipped and says by name what was missing; under HAWSER_REQUIRE_ALL=1 it fails instead.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, it } from 'vitest';

const requireAll = process.env.HAWSER_REQUIRE_ALL === '1';

/** Whether `command args` runs and exits 0. */
export function hasTool(command: string, args: readonly string[] = ['--version']): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;
}

/** The corpus of real-world IDL, when HAWSER_CORPUS names it. */
export const corpus: string | undefined = (() => {
  const path = process.env.HAWSER_CORPUS;
  return path !== undefined && existsSync(path) ? resolve(path) : undefined;
})();

/** `describe` when `present`, else a skip (or failure) that names `what`. */
export function describeWith(what: string, present: boolean, name: string, body: () => void): void {
  if (present) {
    describe(name, body);
    return;
  }
  describe(name, () => {
    if (requireAll) {
      it(`needs ${what}`, () => {
        throw new Error(`${what} is missing, and HAWSER_REQUIRE_ALL=1 allows no skip`);
      });
    } else it.skip(`skipped: needs ${what}`, () => {});
  });
}

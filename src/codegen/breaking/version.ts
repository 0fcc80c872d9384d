/** The declared versions of a contract: major.minor[.patch], with semver's tail ignored. */
import type { Bump } from './rules.js';

function parts(version: string): readonly [number, number, number] {
  const [major = 0, minor = 0, patch = 0] = version
    .replace(/[-+].*$/, '')
    .split('.')
    .map(Number);
  return [major, minor, patch];
}

/** Below 0 when `a` is the older. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  for (const index of [0, 1, 2] as const) {
    const difference = left[index] - right[index];
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The least version after `before` that makes room for a bump. Below 1.0 a minor version may break (semver, 4). */
export function versionAfter(before: string, bump: Bump): string {
  const [major, minor, patch] = parts(before);
  if (bump === 'none') return before;
  if (major === 0) return bump === 'major' ? `0.${minor + 1}.0` : `0.${minor}.${patch + 1}`;
  return bump === 'major' ? `${major + 1}.0.0` : `${major}.${minor + 1}.0`;
}

/**
 * A folder for what a test generates. Inside the repository, so that `hawser/*` resolves to the source as
 * it does for everything else; ignored by git and removed at the end.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const repository = resolve(import.meta.dirname, '../..');

export function scratchFolder(name: string): { readonly path: string; remove(): void } {
  const root = join(repository, '.scratch');
  mkdirSync(root, { recursive: true });
  const path = mkdtempSync(join(root, `${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

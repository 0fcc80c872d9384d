/** Finds the `.thrift` files of a run, and the module that each becomes. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';

export interface ThriftInput {
  /** As it was found. */
  readonly path: string;
  readonly real: string;
  /** Below its root, with forward slashes: `a/b.thrift`. */
  readonly below: string;
}

export interface FoundInputs {
  readonly inputs: readonly ThriftInput[];
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

/** Every `*.thrift` below the roots, each file once, in a fixed order. A root may be a file. */
export function findInputs(roots: readonly string[], limit: number): FoundInputs {
  const inputs: ThriftInput[] = [];
  const problems: { path: string; message: string }[] = [];
  const seen = new Set<string>();
  let full = false;

  const add = (path: string, below: string): void => {
    if (full) return;
    let real: string;
    try {
      real = realpathSync(path);
    } catch {
      problems.push({ path, message: 'this link leads nowhere' });
      return;
    }
    if (seen.has(real)) return;
    if (inputs.length >= limit) {
      full = true;
      problems.push({ path, message: `this is more than ${limit} files in one run; generate in several` });
      return;
    }
    seen.add(real);
    inputs.push({ path, real, below });
  };

  const walk = (folder: string, root: string, above: readonly string[]): void => {
    let real: string;
    let names: string[];
    try {
      real = realpathSync(folder);
      names = readdirSync(folder).sort();
    } catch (error) {
      problems.push({
        path: folder,
        message: `this folder cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      });
      return;
    }
    // A link to a folder above would go round for ever.
    if (above.includes(real)) return;
    for (const name of names) {
      const path = join(folder, name);
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats?.isDirectory()) walk(path, root, [...above, real]);
      else if (name.endsWith('.thrift') && (stats === undefined || stats.isFile())) {
        add(path, relative(root, path).split(sep).join('/'));
      }
    }
  };

  for (const root of roots) {
    const stats = statSync(root, { throwIfNoEntry: false });
    if (stats === undefined) problems.push({ path: root, message: 'there is no such file or folder' });
    else if (stats.isDirectory()) walk(root, root, []);
    else add(root, basename(root));
  }
  return { inputs, problems };
}

/** `a/b.ts` for `a/b.thrift`. Never leads out of the output folder. */
export function outputPath(below: string): string {
  const parts = below.split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
  return `${parts.join('/').replace(/\.thrift$/, '')}.ts`;
}

/** Where an included file that lies below no root goes: as below the include folder that has it, else by its name alone. */
export function belowInclude(real: string, includes: readonly string[]): string {
  for (const folder of includes) {
    let base: string;
    try {
      base = realpathSync(folder);
    } catch {
      continue;
    }
    const path = relative(base, real);
    if (path !== '' && path !== '..' && !path.startsWith(`..${sep}`)) return path.split(sep).join('/');
  }
  return basename(real);
}

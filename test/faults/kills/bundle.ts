/**
 * The server of the kill harness in one file of JavaScript: from its source it would take a second to load, each time it
 * is killed. Inside the repository, so that native packages are found.
 */
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { repository } from '../../support/scratch.js';

/** tsx brings esbuild with it. */
type Esbuild = { build(options: object): Promise<unknown> };
const { build } = createRequire(import.meta.resolve('tsx'))('esbuild') as Esbuild;

/** Resolves to the program's path, below `folder`. */
export function bundleServer(folder: string): Promise<string> {
  return bundle('test/faults/kills/server.ts', folder);
}

/** The same for another program, by its path in the repository; `folder` is inside the repository too. */
export async function bundle(file: string, folder: string): Promise<string> {
  const outfile = join(folder, `${basename(file, '.ts')}.mjs`);
  await build({
    entryPoints: [join(repository, file)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['hawser-source'],
    external: ['pg', '@photostructure/sqlite', '@opentelemetry/*'],
    banner: {
      js: [
        "import { createRequire as requireFrom } from 'node:module';",
        'const require = requireFrom(import.meta.url);',
        'const __dirname = import.meta.dirname;',
        'const __filename = import.meta.filename;',
      ].join('\n'),
    },
    logLevel: 'error',
  });
  return outfile;
}

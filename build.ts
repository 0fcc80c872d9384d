/**
 * The second half of `npm run build`: the JavaScript of dist/, beside the declarations that tsc wrote there. `hawser` is three
 * hundred modules, and finding and linking them took most of the time of its import: so they are put together, a file for each
 * entry and for what entries share. Every class stays single, as RpcError must. Packages stay outside, but for the few of
 * the modules of @bufbuild/protobuf/wire that are used.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const root = import.meta.dirname;
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly 'hawser-source': string }>>;
};
const entries = Object.values(manifest.exports).flatMap((one) => (typeof one === 'string' ? [] : one['hawser-source']));

/** What stands in dist/ and is not ours keeps its notice. */
const packages: Plugin = {
  name: 'packages',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || path.startsWith('hawser/') || path === '@bufbuild/protobuf/wire'
        ? undefined
        : { path, external: true },
    );
    onLoad({ filter: /[\\/]@bufbuild[\\/]protobuf[\\/].*\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      // `//!` is what esbuild keeps.
      return { contents: text.replace(/^(\/\/.*\n|\n)+/, (notice) => notice.replaceAll(/^\/\//gm, '//!')) };
    });
  },
};

/** The files that were written, relative to the root. */
async function bundle(entryPoints: string[], shared: string): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir: 'dist/src',
    outbase: 'src',
    chunkNames: `${shared}/[name]-[hash]`,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    conditions: ['hawser-source'],
    legalComments: 'inline',
    plugins: [packages],
    metafile: true,
  });
  return Object.keys(metafile.outputs);
}

// The program is a process of its own: were it put together with the entries, they would fall into twice as many files.
const made = new Set([
  ...(await bundle(entries, 'shared')),
  ...(await bundle(['src/cli/main.ts', 'src/cli/protoc-gen-hawser.ts'], 'cli/shared')),
]);
for (const file of readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' })) {
  // What an earlier build left would be packed with the rest.
  if (file.endsWith('.js') && !made.has(`dist/${file.replaceAll('\\', '/')}`)) rmSync(join(root, 'dist', file));
}

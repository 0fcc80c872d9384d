/**
 * What making stubs takes: `hawser generate` on each tree of .proto files, beside `buf generate` with ts-proto alone, which makes
 * the messages and no policy. Each is the program that users run, on the built package. The trees are those of the
 * folder that HAWSER_CORPUS names; without it, one: what the benches send.
 */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bench, interleave } from '../harness/bench.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const bin = (name: string): string => join(root, 'node_modules/.bin', name);

/** As Hawser sets ts-proto, but that it prints services too: Hawser's are counted. */
const options = [
  ...['oneof=unions-value', 'forceLong=bigint', 'useOptionals=messages', 'unknownFields=true', 'enumsAsLiterals=true'],
  ...['snakeToCamel=keys_json', 'useDate=false', 'useExactTypes=false', 'esModuleInterop=true', 'importSuffix=.js'],
  'outputServices=generic-definitions',
];

type Generate = (tree: string, out: string) => Promise<void>;

const subjects: Readonly<Record<string, Generate>> = {
  hawser: (tree, out) =>
    run(tree, process.execPath, [
      join(root, 'dist/src/cli/main.js'),
      'generate',
      '--quiet',
      '--proto',
      '.',
      '--out',
      out,
    ]),
  'ts-proto': (tree, out) => {
    const plugins = [{ local: bin('protoc-gen-ts_proto'), out, opt: options, strategy: 'all' }];
    const template = `${out}.gen.json`;
    writeFileSync(template, JSON.stringify({ version: 'v2', plugins }));
    return run(tree, bin('buf'), ['generate', '.', '--template', template]);
  },
};

/** Rejects with an Error that ends as the program's own did. */
function run(cwd: string, program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, timeout: 120_000, maxBuffer: 64 << 20 }, (error, _out, errors) => {
      if (error === null) resolve();
      else reject(new Error(errors.trim().split('\n').slice(-3).join(' | ') || error.message));
    });
  });
}

/** Folders, each its own include root. */
function trees(scratch: string): string[] {
  const corpus = process.env.HAWSER_CORPUS;
  if (corpus !== undefined) {
    const folder = join(corpus, 'proto');
    return readdirSync(folder).map((name) => join(folder, name));
  }
  const tree = join(scratch, 'idl');
  cpSync(join(root, 'bench/idl'), tree, { recursive: true });
  cpSync(join(root, 'proto/hawser'), join(tree, 'hawser'), { recursive: true });
  return [tree];
}

export const generate: Bench = {
  name: 'generate',
  title:
    'making stubs of every tree of .proto files, one program after another; the folder that HAWSER_CORPUS names, or what the benches send',
  cases: ['proto'],
  mustHold: [],
  subjects: Object.keys(subjects),
  estimate: (plan) => plan.runs * plan.subjects.length * (process.env.HAWSER_CORPUS === undefined ? 3 : 20),
  async run(plan) {
    if (!existsSync(join(root, 'dist/src/cli/main.js'))) {
      throw new Error('dist/ is missing; npm run build makes it, and npm ci does');
    }
    const scratch = mkdtempSync(join(tmpdir(), 'hawser-generate-'));
    try {
      const all = trees(scratch);
      await interleave(plan, 'proto', plan.subjects, plan.runs, async (subject, run) => {
        const folder = join(scratch, `${subject}-${run}`);
        let ms = 0;
        for (const [i, tree] of all.entries()) {
          const out = join(folder, String(i));
          mkdirSync(out, { recursive: true });
          const started = performance.now();
          await subjects[subject]?.(tree, out);
          ms += performance.now() - started;
        }
        plan.record('proto', subject, 'generate_ms', 'ms', run, ms);
        plan.record('proto', subject, 'files', 'files', run, filesBelow(folder));
      });
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

const filesBelow = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).length;

/** The README's example is run as it stands: generated, type-checked by its imports, served and called. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { hawser, runProgram } from './support/program.js';
import { repository, scratchFolder } from './support/scratch.js';

const readme = readFileSync(join(repository, 'README.md'), 'utf8');

function block(language: string): string {
  const match = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\n\`\`\``).exec(readme);
  if (match === null) throw new Error(`the README has no block of ${language}`);
  return match[1] as string;
}

it("runs the README's example", async () => {
  const scratch = scratchFolder('readme');
  try {
    const proto = join(scratch.path, 'proto/greet/v1');
    mkdirSync(proto, { recursive: true });
    writeFileSync(join(proto, 'greet.proto'), block('proto'));
    writeFileSync(join(scratch.path, 'main.ts'), block('ts'));
    const generated = await hawser(
      ...['generate', '--proto', join(scratch.path, 'proto'), '--out', join(scratch.path, 'gen')],
    );
    expect(generated.code, generated.stderr).toBe(0);
    const { code, stdout, stderr } = await runProgram(relative(repository, join(scratch.path, 'main.ts')), []);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/Hello Ada, you have \d/);
    expect(stdout.trim().split('\n').slice(-3)).toEqual(['Ada 3', 'Ada 2', 'Ada 1']);
  } finally {
    scratch.remove();
  }
}, 60_000);

it('says nothing of files that are not there', () => {
  for (const [, path] of readme.matchAll(/\]\((docs\/[^)#]+)\)/g)) {
    expect(() => readFileSync(join(repository, path as string))).not.toThrow();
  }
});

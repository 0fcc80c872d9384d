import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

it('the example in docs/testing.md is the test that runs here', () => {
  const example = read('./example.test.ts').replace("'../../gen/", "'./gen/");
  expect(read('../../docs/testing.md')).toContain(`\`\`\`ts\n${example}\`\`\`\n`);
});

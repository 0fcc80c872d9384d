import { expect, it, onTestFinished } from 'vitest';
import { describeWith } from '../../../requires.js';
import { hawser } from '../../../support/program.js';
import { scratchFolder } from '../../../support/scratch.js';
import { runner, runSuite, suiteProtos } from './suite.js';

/** Cases in binary and JSON, Required and Recommended, of proto2, proto3 and editions. Another number is another suite. */
const cases = 5_567;
const needed = 'the conformance runner of protobuf (see newer-libc.sh beside this test)';

describeWith(needed, runner !== undefined, 'the conformance suite of protobuf', () => {
  it('finds no fault in generated code', async () => {
    const folder = scratchFolder('conformance');
    onTestFinished(() => folder.remove());
    const { stderr, code } = await hawser('generate', '--proto', suiteProtos, '--out', folder.path);
    expect(code, stderr).toBe(0);
    expect(await runSuite('generated', folder.path)).toEqual({ successes: cases, skipped: 0, failures: [] });
  }, 240_000);

  it('finds no fault in the tables of fields, without generated code', async () => {
    expect(await runSuite('tables')).toEqual({ successes: cases, skipped: 0, failures: [] });
  }, 240_000);

  it('finds no fault in a codec that is known to conform', async () => {
    expect(await runSuite('protobuf-es')).toEqual({ successes: cases, skipped: 0, failures: [] });
  }, 240_000);
});

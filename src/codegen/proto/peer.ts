/**
 * The tools that the generator runs, buf and ts-proto, are optional peers: a production install carries no
 * compiler. They are taken from the user's project, and else from where this package is installed.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

/** A tool is missing or does not run: a sentence for the user, without a stack. */
export class ToolError extends Error {}

/** The absolute path of `file` inside an installed package. Throws a ToolError that says what to install. */
export function peerFile(name: string, file: string, from: readonly string[] = [process.cwd()]): string {
  for (const base of [...from.map((folder) => join(folder, 'package.json')), import.meta.url]) {
    try {
      return join(dirname(createRequire(base).resolve(`${name}/package.json`)), file);
    } catch {
      // Not installed there: the next place may have it.
    }
  }
  throw new ToolError(
    `${name} is not installed, and generating from .proto files needs it. Run: npm install --save-dev @bufbuild/buf ts-proto`,
  );
}

export interface Output {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/**
 * buf's own program, which is in a package for this platform. Not through the script of @bufbuild/buf: that
 * one would leave it running when it is killed.
 */
export function bufProgram(): string {
  const manifest = peerFile('@bufbuild/buf', 'package.json');
  const require = createRequire(manifest);
  const { optionalDependencies = {} } = require(manifest) as { optionalDependencies?: Record<string, string> };
  for (const name of Object.keys(optionalDependencies).sort()) {
    if (!name.includes(process.platform)) continue;
    for (const file of ['bin/buf', 'bin/buf.exe']) {
      try {
        return require.resolve(`${name}/${file}`);
      } catch {
        // Of another architecture, so not installed.
      }
    }
  }
  throw new ToolError(
    `@bufbuild/buf is installed without its program for ${process.platform} ${process.arch}, which is an optional dependency of it. ` +
      'Run npm install without --omit=optional.',
  );
}

/** Runs a program; never through a shell. Ends it after `timeout` ms, and then rejects with a ToolError. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly input?: Uint8Array;
    readonly timeout: number;
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      cwd: options.cwd,
      // buf reads no configuration of the user's, and writes no cache into the home folder.
      env: {
        ...process.env,
        BUF_CACHE_DIR: options.cwd,
        BUF_CONFIG_DIR: options.cwd,
        NODE_OPTIONS: '',
        ...options.env,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeout,
      killSignal: 'SIGKILL',
      windowsHide: true,
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A child that ends without reading its input breaks the pipe; its status says what happened.
    child.stdin.on('error', () => {});
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new ToolError(`${program} is not installed, or not in the PATH.`) : error),
    );
    child.once('close', (status) => {
      if (child.killed) {
        reject(new ToolError(`${basename(program)} did not end within ${options.timeout / 1000} s, and was stopped.`));
      } else resolve({ status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8') });
    });
    child.stdin.end(options.input ?? '');
  });
}

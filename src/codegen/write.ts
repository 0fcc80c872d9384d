/** Writing what the generator makes. What the file system refuses becomes a ToolError that names the folder or the file. */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ToolError } from './proto/peer.js';

/**
 * Makes a folder, and those above it, step by step: Node's own `recursive` never ends where a folder answers that a new child
 * "does not exist", as /proc does.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    for (const folder of await missing(resolve(path))) await make(folder);
  } catch (error) {
    throw new ToolError(`the folder ${path} cannot be made: ${(error as Error).message}`);
  }
}

/** A reader sees the old text or the new, never a part. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // what went wrong first is told
    throw unwritable(path, error);
  }
}

/** Into whatever is there, which may be a device or a pipe. */
export async function writeText(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((error: unknown) => {
    throw unwritable(path, error);
  });
}

function unwritable(path: string, error: unknown): ToolError {
  return new ToolError(`${path} cannot be written: ${(error as Error).message}`);
}

/** The folders of a path that are not there, outer before inner. */
async function missing(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (found?.isDirectory() === true) return [];
  if (found !== undefined) throw new Error(`${path} is a file`);
  return [...(await missing(dirname(path))), path];
}

async function make(folder: string): Promise<void> {
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error; // another run was faster
  });
}

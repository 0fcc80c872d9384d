/** The folders and files of IDL that a command line names: one that is not there would pass for one that is empty. */
import { statSync } from 'node:fs';
import { UsageError } from './usage.js';

export interface IdlPaths {
  readonly proto?: readonly string[] | undefined;
  readonly thrift?: readonly string[] | undefined;
  readonly include?: readonly string[] | undefined;
}

/** Throws a UsageError that names the option. */
export function checkIdlPaths({ proto = [], thrift = [], include = [] }: IdlPaths): void {
  for (const path of proto) checkInput('proto', path);
  for (const path of thrift) checkInput('thrift', path);
  for (const path of include) {
    if (path === '') throw new UsageError('--include is empty; name a folder.');
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new UsageError(`--include ${path} is no folder.`);
    }
  }
}

function checkInput(idl: 'proto' | 'thrift', path: string): void {
  if (path === '') throw new UsageError(`--${idl} is empty; name a folder.`);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new UsageError(`--${idl} ${path} does not exist.`);
  if (!found.isDirectory() && !(found.isFile() && path.endsWith(`.${idl}`))) {
    throw new UsageError(`--${idl} ${path} is neither a folder nor a .${idl} file.`);
  }
}

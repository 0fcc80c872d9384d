import { statSync } from 'node:fs';
import type { Idl } from './breaking/schema.js';
import { protoFiles } from './proto/sources.js';
import { thriftFiles } from './thrift/index.js';

/** Whether there is a file of one of these IDLs at or below a path. */
export function holdsIdl(path: string, idls: readonly Idl[]): boolean {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return false;
  return idls.some((idl) => (idl === 'proto' ? protoFiles(path) : thriftFiles(path)).length > 0);
}

/** From files to the comparable form: what the generator reads, compiled as it does. */
import { statSync } from 'node:fs';
import { byPlace, type Diagnostic } from '../diagnostic.js';
import { compile } from '../proto/buf.js';
import { groupSources } from '../proto/groups.js';
import { readSources } from '../proto/sources.js';
import { readThrift } from '../thrift/index.js';
import { protoSchema } from './proto-schema.js';
import type { Schema } from './schema.js';
import { thriftSchema } from './thrift-schema.js';

export interface IdlRoots {
  /** Folders or files. */
  readonly proto: readonly string[];
  readonly thrift: readonly string[];
  readonly include: readonly string[];
}

export interface LoadedSchema {
  readonly schema: Schema;
  /** With an error among them the schema is empty. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Throws a ToolError when buf is missing and there are .proto files. */
export async function loadSchema({ proto, thrift, include }: IdlRoots): Promise<LoadedSchema> {
  const diagnostics: Diagnostic[] = [];
  const parts: Schema[] = [];
  if (proto.length > 0) {
    const sources = readSources(proto, include);
    diagnostics.push(...sources.diagnostics);
    for (const group of groupSources(sources)) {
      const compiled = await compile(group, sources.files);
      diagnostics.push(...compiled.diagnostics);
      if (compiled.files.length > 0) parts.push(protoSchema(compiled.files, new Set(group.inputs), sources.files));
    }
  }
  if (thrift.length > 0) {
    const read = readThrift(thrift, include);
    diagnostics.push(...read.diagnostics);
    parts.push(thriftSchema(read.inputs));
  }
  diagnostics.sort(byPlace);
  const failed = diagnostics.some((one) => one.severity === 'error');
  return { schema: mergeSchemas(failed ? [] : parts), diagnostics };
}

/** What several compilations share is taken once. */
export function mergeSchemas(parts: readonly Schema[]): Schema {
  const unique = <T>(items: readonly T[], key: (item: T) => string): T[] => {
    const found = new Map<string, T>();
    for (const item of items) if (!found.has(key(item))) found.set(key(item), item);
    return [...found.values()];
  };
  return {
    files: unique(
      parts.flatMap((part) => part.files),
      named,
    ),
    types: unique(
      parts.flatMap((part) => part.types),
      named,
    ),
    services: unique(
      parts.flatMap((part) => part.services),
      named,
    ),
    extensions: unique(
      parts.flatMap((part) => part.extensions),
      (one) => `${one.extendee} ${one.field.id} ${one.name}`,
    ),
  };
}

const named = (one: { readonly idl: string; readonly name: string }): string => `${one.idl} ${one.name}`;

/** The same folders under another parent, where they exist there: an older version may not have all. */
export function existing(paths: readonly string[]): string[] {
  return paths.filter((path) => statSync(path, { throwIfNoEntry: false }) !== undefined);
}

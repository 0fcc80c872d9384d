/** Whether the versions that the services declare make room for what has changed. */
import { type Change, keyOf } from './change.js';
import { type Accepted, type Exceptions, noExceptions, sortChanges } from './exceptions.js';
import { Reach } from './reach.js';
import type { Bump } from './rules.js';
import type { Idl, Schema } from './schema.js';
import { compareVersions, versionAfter } from './version.js';

export interface ServiceVerdict {
  readonly idl: Idl;
  readonly service: string;
  /** What the changes that concern it demand. */
  readonly bump: Bump;
  /** Undefined where a version is not declared on both sides. */
  readonly versions?: { readonly before: string; readonly after: string; readonly needed: string };
  readonly isEnough: boolean;
}

export interface Verdict {
  /** Those that no exception covers. */
  readonly changes: readonly Change[];
  readonly accepted: readonly Accepted[];
  /** How many were ignored. */
  readonly ignored: number;
  /** About exceptions. */
  readonly warnings: readonly string[];
  readonly services: readonly ServiceVerdict[];
  /** Wire and semantic changes of what no service with a version uses. */
  readonly undeclared: readonly Change[];
  readonly isCompatible: boolean;
}

export function judge(
  before: Schema,
  after: Schema,
  all: readonly Change[],
  exceptions: Exceptions = noExceptions,
): Verdict {
  const { changes, ...excepted } = sortChanges(all, exceptions, [before, after]);
  const concerned = concerns(before, after);
  const old = new Map(before.services.map((one) => [keyOf(one.idl, 'service', one.name), one]));
  const now = new Map(after.services.map((one) => [keyOf(one.idl, 'service', one.name), one]));
  const services: ServiceVerdict[] = [];
  const settled = new Set<Change>();
  for (const [key, service] of now) {
    const owners = concerned.get(key);
    const own = changes.filter((change) => change.owners.some((owner) => owners?.has(owner)));
    const bump = own.reduce<Bump>((most, change) => (rank[change.bump] > rank[most] ? change.bump : most), 'none');
    const was = old.get(key)?.version;
    if (was === undefined || service.version === undefined) {
      if (bump !== 'none' && old.has(key)) {
        const isEnough = bump !== 'major';
        services.push({ idl: service.idl, service: service.name, bump, isEnough });
      }
      continue;
    }
    for (const change of own) settled.add(change);
    const needed = versionAfter(was, bump);
    const isEnough = compareVersions(service.version, needed) >= 0;
    if (bump !== 'none') {
      const versions = { before: was, after: service.version, needed };
      services.push({ idl: service.idl, service: service.name, bump, versions, isEnough });
    }
  }
  const undeclared = changes.filter((change) => change.bump === 'major' && !settled.has(change));
  const isCompatible = services.every((one) => one.isEnough) && undeclared.length === 0;
  return { changes, ...excepted, services, undeclared, isCompatible };
}

const rank: Readonly<Record<Bump, number>> = { none: 0, minor: 1, major: 2 };

/** What each service is concerned by: itself, its file, and the types that either version of it uses. */
function concerns(before: Schema, after: Schema): Map<string, Set<string>> {
  const all = new Map<string, Set<string>>();
  for (const schema of [before, after]) {
    for (const [key, types] of new Reach(schema).byService()) {
      const known = all.get(key) ?? new Set([key]);
      for (const type of types) known.add(type);
      all.set(key, known);
    }
    for (const { idl, name, file } of schema.services) {
      all.get(keyOf(idl, 'service', name))?.add(keyOf(idl, 'file', file));
    }
  }
  return all;
}

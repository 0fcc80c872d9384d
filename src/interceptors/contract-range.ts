/** Which versions of a contract this end speaks: the IDL says the newest, `versions: { min }` the oldest. */
import { knownOptions, shown } from '../contract/option-names.js';
import type { ServiceType } from '../contract/service.js';
import { compareVersions, type Hello, parseVersion } from './hello.js';

export interface VersionOptions {
  /**
   * The oldest version of a peer that is accepted, `"1.2"`; `1.0` of the service's own major by default. By the service's
   * full name where several are served. A peer without Hawser says no version, and is never refused.
   */
  readonly min?: string | Readonly<Record<string, string>>;
}

const checkNames = knownOptions<VersionOptions>({ min: true });

/** Throws a TypeError or RangeError that names the option. */
export function checkVersionOptions(options: VersionOptions, services: Iterable<ServiceType>): void {
  checkNames(options, 'versions');
  const all = [...services];
  if (typeof options.min === 'object' && options.min !== null) {
    for (const name of Object.keys(options.min)) {
      if (all.some((one) => one.name === name && one.version !== undefined)) continue;
      throw new TypeError(`versions.min names ${shown(name)}, which is no service here that declares a version`);
    }
  }
  for (const service of all) rangeOf(service, options);
}

/** Undefined for a service that declares no version: nothing is negotiated about it. Throws as the check does. */
export function rangeOf(service: ServiceType, { min }: VersionOptions = {}): Pick<Hello, 'min' | 'max'> | undefined {
  const max = service.version === undefined ? undefined : parseVersion(service.version);
  if (max === undefined) return undefined;
  const asked = typeof min === 'object' && min !== null ? min[service.name] : min;
  if (asked === undefined) return { min: { text: `${max.major}.0`, major: max.major, minor: 0 }, max };
  const oldest = typeof asked === 'string' ? parseVersion(asked) : undefined;
  if (oldest === undefined) throw new TypeError(`versions.min is ${shown(asked)}; write a version such as "1.2"`);
  if (oldest.major !== max.major || compareVersions(oldest, max) > 0) {
    throw new RangeError(
      `versions.min is ${asked}, and ${service.name} is ${max.text} here; write one from ${max.major}.0 to ${max.text}`,
    );
  }
  return { min: oldest, max };
}

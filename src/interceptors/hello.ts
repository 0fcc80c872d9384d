/**
 * `hawser-hello`: what client and server tell each other of a contract, in a header of calls that are made anyway. Text,
 * `v=1;c=market.v1.TradeHistory;fw=0.1.0;fp=9f2c...;min=1.0;max=1.4.0;feat=audit,notes;id=...`, said in full once and by its
 * hash from then on. It comes from anybody, so reading it is bounded, never throws, and takes what is not exactly a hello
 * for none: such a peer counts as one without Hawser.
 * Sources: Kafka ApiVersions (KIP-511), MongoDB's wire version ranges.
 */
import { createHash } from 'node:crypto';

export { helloHeader } from '../call/correlation-id.js';

/** What a hello says of who sent it; the same as the version of the package. */
export const frameworkVersion = '0.1.0';

/** Characters. What is longer is not read. */
export const longestHello = 1_024;
const mostFields = 16;
const mostFeatures = 64;

export interface Version {
  /** `1.4.0` */
  readonly text: string;
  readonly major: number;
  readonly minor: number;
}

export interface Hello {
  /** Full name of the service. */
  readonly contract: string;
  /** Version of Hawser. */
  readonly framework: string;
  /** The first 16 hex digits of the schema's fingerprint; empty when there is none. */
  readonly fingerprint: string;
  /** The oldest version that is spoken. */
  readonly min: Version;
  readonly max: Version;
  /** Understood, in the order of their names. */
  readonly features: readonly string[];
  /** Those of `features` that are used, too. */
  readonly active: readonly string[];
  /** Of a server: this run of it. */
  readonly instance?: string;
}

/** A version as it is compared: patch level and what follows decide nothing. Undefined for what is none. */
export function parseVersion(text: string): Version | undefined {
  const match = /^(\d{1,6})\.(\d{1,6})(?:\.[0-9A-Za-z.+-]{1,40})?$/.exec(text);
  return match === null ? undefined : { text, major: Number(match[1]), minor: Number(match[2]) };
}

/** Below 0 when `a` is the older one. */
export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor;
}

/** The version that both speak: the smaller of the newest; undefined when the ranges do not meet. */
export function agreedVersion(a: Pick<Hello, 'min' | 'max'>, b: Pick<Hello, 'min' | 'max'>): Version | undefined {
  const min = compareVersions(a.min, b.min) > 0 ? a.min : b.min;
  const max = compareVersions(a.max, b.max) < 0 ? a.max : b.max;
  return compareVersions(min, max) <= 0 ? max : undefined;
}

/** `1.2 to 1.4.0` */
export function rangeText({ min, max }: Pick<Hello, 'min' | 'max'>): string {
  return compareVersions(min, max) === 0 ? max.text : `${min.text} to ${max.text}`;
}

/** Throws a RangeError when it is longer than anybody reads. */
export function formatHello(hello: Hello): string {
  const { contract, framework, fingerprint, min, max, features, active, instance } = hello;
  const text = [
    `v=1;c=${contract};fw=${framework}`,
    ...(fingerprint === '' ? [] : [`fp=${fingerprint}`]),
    `min=${min.text};max=${max.text}`,
    ...(features.length === 0 ? [] : [`feat=${features.join(',')}`]),
    ...(active.length === features.length ? [] : [`act=${active.join(',')}`]),
    ...(instance === undefined ? [] : [`id=${instance}`]),
  ].join(';');
  if (text.length > longestHello || features.length > mostFeatures) {
    throw new RangeError(
      `${contract} declares ${features.length} features, and what is said of them to peers has room for ${mostFeatures} in ${longestHello} characters; delete from the IDL those that every peer has`,
    );
  }
  return text;
}

const fieldNames = /^[a-z]{1,8}$/;
const legal: Readonly<Record<string, RegExp>> = {
  c: /^[A-Za-z_][\w.]{0,255}$/,
  fw: /^[0-9A-Za-z.+-]{1,32}$/,
  fp: /^[0-9a-f]{16}$/,
  feat: /^[\w.,-]{1,1000}$/,
  act: /^[\w.,-]{0,1000}$/,
  id: /^[\w-]{1,32}$/,
};

/** Undefined for what is no hello, whatever it is. Fields that a later version may add are passed over. */
export function parseHello(text: string): Hello | undefined {
  if (text.length > longestHello || !text.startsWith('v=1;')) return undefined;
  const parts = text.split(';', mostFields + 1);
  if (parts.length > mostFields) return undefined;
  const fields = new Map<string, string>();
  for (const part of parts) {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(at, 0));
    const value = part.slice(at + 1);
    if (!fieldNames.test(name) || fields.has(name) || legal[name]?.test(value) === false) return undefined;
    fields.set(name, value);
  }
  const contract = fields.get('c');
  const min = parseVersion(fields.get('min') ?? '');
  const max = parseVersion(fields.get('max') ?? '');
  const features = names(fields.get('feat') ?? '');
  if (contract === undefined || min === undefined || max === undefined || features === undefined) return undefined;
  if (!isRange(min, max)) return undefined;
  const said = fields.get('act');
  const active = said === undefined ? features : names(said);
  if (active?.every((one) => features.includes(one)) !== true) return undefined;
  const instance = fields.get('id');
  return {
    contract,
    framework: fields.get('fw') ?? '',
    fingerprint: fields.get('fp') ?? '',
    min,
    max,
    features,
    active,
    ...(instance === undefined ? {} : { instance }),
  };
}

function isRange(min: Version, max: Version): boolean {
  return min.major === max.major && compareVersions(min, max) <= 0;
}

const featureName = /^[A-Za-z0-9][\w.-]{0,127}$/;

function names(list: string): readonly string[] | undefined {
  if (list === '') return [];
  const all = list.split(',', mostFeatures + 1);
  if (all.length > mostFeatures || new Set(all).size < all.length) return undefined;
  return all.every((one) => featureName.test(one)) ? all : undefined;
}

/** What stands for a hello once it was said: nobody finds another text for it. */
export function hashOf(hello: string): string {
  return createHash('sha256').update(hello).digest('base64url').slice(0, 16);
}

/**
 * A client's hello by its hash, and the server's that it answers to by that one's. The versions are said again: a server that
 * has just begun knows no hash, and what it does not speak it refuses all the same.
 */
export interface ShortHello extends Pick<Hello, 'min' | 'max'> {
  readonly client: string;
  readonly server: string;
}

export function formatShort({ client, server, min, max }: ShortHello): string {
  return `h=${client};s=${server};min=${min.text};max=${max.text}`;
}

export function parseShort(text: string): ShortHello | undefined {
  const match = /^h=([\w-]{16});s=([\w-]{16});min=([^;]{1,60});max=([^;]{1,60})$/.exec(text);
  if (match === null) return undefined;
  const [, client, server, oldest, newest] = match as unknown as readonly [string, string, string, string, string];
  const min = parseVersion(oldest);
  const max = parseVersion(newest);
  return min === undefined || max === undefined || !isRange(min, max) ? undefined : { client, server, min, max };
}

/** A server's word that its hello is the one that the client has. */
export function formatConfirmation(server: string): string {
  return `s=${server}`;
}

export function parseConfirmation(text: string): string | undefined {
  return /^s=([\w-]{16})$/.exec(text)?.[1];
}

/** Behind a server's hello: it knows the client's by hash only, and needs it in full. */
export const askSuffix = ';ask=1';

/** What the commands that speak to a server have in common: how it is reached, and who the caller is. */
import { readFileSync } from 'node:fs';
import { HeaderMap } from '../call/headers.js';
import { checkTlsWanted, parseAddresses } from '../client/address.js';
import type { ClientOptions } from '../client/create-client.js';
import { UsageError } from './usage.js';

const one = { type: 'string' } as const;

/** For parseArgs. */
export const connectionOptions = {
  header: { type: 'string', multiple: true },
  ca: one,
  cert: one,
  key: one,
  'server-name': one,
} as const;

export interface ConnectionValues {
  readonly header?: readonly string[] | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly 'server-name'?: string | undefined;
}

/** Throws a UsageError. */
export function connectionOf(values: ConnectionValues): ClientOptions {
  const headers = new HeaderMap();
  for (const header of values.header ?? []) {
    const at = header.indexOf('=');
    if (at < 1) throw new UsageError(`--header ${header} is not NAME=TEXT`);
    headers.append(header.slice(0, at), header.slice(at + 1));
  }
  const tls = {
    ...(values.ca === undefined ? {} : { ca: contents('--ca', values.ca) }),
    ...(values.cert === undefined ? {} : { cert: contents('--cert', values.cert) }),
    ...(values.key === undefined ? {} : { key: contents('--key', values.key) }),
    ...(values['server-name'] === undefined ? {} : { serverName: values['server-name'] }),
  };
  return Object.keys(tls).length === 0 ? { headers } : { headers, tls };
}

/** Throws a UsageError for an address that cannot be meant, and for a certificate that it would not heed. */
export function checkAddress(address: string, idl: 'proto' | 'thrift', values: ConnectionValues): void {
  const addresses = meant(() => parseAddresses(address, idl));
  for (const name of ['ca', 'cert', 'key', 'server-name'] as const) {
    if (values[name] !== undefined) meant(() => checkTlsWanted(addresses, `--${name}`));
  }
}

/** `pkg.Service/Method`, or a service alone. Throws a UsageError. */
export function splitPath(path: string | undefined): [service?: string, method?: string] {
  if (path === undefined) return [];
  const [service = '', method, ...rest] = path.replace(/^\//, '').split('/');
  if (service === '' || rest.length > 0) throw new UsageError(`${path} is not pkg.Service/Method`);
  return method === undefined || method === '' ? [service] : [service, method];
}

/** Runs what throws a TypeError or RangeError for words that cannot be meant. */
export function meant<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`the request is not JSON: ${(error as Error).message}`);
  }
}

function contents(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`${option} ${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

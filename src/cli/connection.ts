/** What the commands that speak to a server have in common: the way there, and what the caller shows of itself. */
import { readFileSync } from 'node:fs';
import { HeaderMap } from '../call/headers.js';
import { checkTlsWanted, parseAddresses } from '../client/address.js';
import type { ClientOptions } from '../client/create-client.js';
import { parseJson } from '../contract/proto/json/parse.js';
import { checkClientTls } from '../transports/tls.js';
import { clientContext } from '../transports/tls-context.js';
import { UsageError } from './usage.js';

/** ms that a server may take before a command says what it waits for. */
export const answerPatience = 2_000;

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

/**
 * What a client is made with, beside `address`. Throws a UsageError for an address that cannot be meant, and for a header or a
 * certificate that none can be called with.
 */
export function connectionOf(address: string, idl: 'proto' | 'thrift', values: ConnectionValues): ClientOptions {
  const headers = new HeaderMap();
  for (const header of values.header ?? []) {
    const at = header.indexOf('=');
    if (at < 1) throw new UsageError(`--header ${header} is not NAME=TEXT`);
    const name = header.slice(0, at);
    meant(() => headers.append(name, headerValue(name, header.slice(at + 1))));
  }
  const tls = {
    ...(values.ca === undefined ? {} : { ca: contents('--ca', values.ca) }),
    ...(values.cert === undefined ? {} : { cert: contents('--cert', values.cert) }),
    ...(values.key === undefined ? {} : { key: contents('--key', values.key) }),
    ...(values['server-name'] === undefined ? {} : { serverName: values['server-name'] }),
  };
  const addresses = meant(() => parseAddresses(address, idl));
  for (const name of ['ca', 'cert', 'key', 'server-name'] as const) {
    if (values[name] !== undefined) meant(() => checkTlsWanted(addresses, `--${name}`));
  }
  if (Object.keys(tls).length === 0) return { headers };
  meant(() => checkClientTls(tls));
  meant(() => clientContext(tls));
  return { headers, tls };
}

/** Headers of bytes are written as they are on the wire, in base64. */
function headerValue(name: string, text: string): string | Uint8Array {
  if (!name.toLowerCase().endsWith('-bin')) return text;
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return Buffer.from(text, 'base64');
  throw new TypeError(`--header ${name} has bytes, so its text is base64, and ${JSON.stringify(text)} is not`);
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

/** A request, with all digits of its numbers. */
export function requestOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new UsageError(`the request is ${(error as Error).message}`);
  }
}

function contents(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`${option} ${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * `hawser subscribe`: follows a topic of a running server and prints what comes, with how far it is. Events of the subscription
 * are lines of their own, so that a loss is seen where it happened.
 */
import { parseArgs } from 'node:util';
import { silentLogger } from '../call/logger.js';
import { isRpcError, type RpcError } from '../call/rpc-error.js';
import { createClient } from '../client/create-client.js';
import { duration } from '../contract/duration.js';
import type { MethodType } from '../contract/method.js';
import { type From, type SubscribeOptions, specOf } from '../subscription/subscriber/options.js';
import type { Change, Subscription } from '../subscription/subscriber/subscription.js';
import { connectionOf, connectionOptions, meant, requestOf, splitPath } from './connection.js';
import { findMethod, findService, type Sources } from './find-service.js';
import { checkIdlPaths } from './idl-paths.js';
import { Outage } from './outage.js';
import { UsageError } from './usage.js';

export const summary = 'follow a topic of a running server';

export const help = `usage: hawser subscribe ADDRESS pkg.Service/Method [JSON] [options]

Follows a topic and prints each change, with how far behind it is (lag) and how many updates were conflated away or
filtered (skipped), and each event: ready, stale, recovered, gap, reset. Comes back by itself when the connection or the
server is lost, and says on standard error when it finds nobody there. JSON is the parameters of the topic; without it they are {}.

  ADDRESS            host:port, grpc://host:port, unix:/path, dns:///name:port, thrift://host:port;
                     with TLS grpcs://host:port, grpcs+dns:///name:port, thrifts://host:port and so on (with --thrift a bare host:port speaks Thrift)

  --from WHERE       snapshot, head, committed, seq:NUMBER, last:NUMBER, or time: with ms since 1970, a date
                     (time:2026-11-21T10:00:00Z) or an age (time:-5m); snapshot where the topic has keys, else head
  --keys A,B         only these keys
  --accept LIST      what to put up with after a loss, of REPLAY, CONFLATED, RESET, GAP
  --mode MODE        EVERY, LATEST or MERGE
  --conflate WHEN    ON_PRESSURE, ALWAYS or NEVER
  --min-interval T   at least between two batches: 500ms, 2s
  --max-bps BYTES    of values a second at most
  --name NAME        what --from committed goes by
  --count NUMBER     end after so many changes
  --timeout TIME     500ms, 2s, 1h: end with 1 after so long without a connection; without it it tries for ever
  --json             a JSON object on each line
  --proto DIR        .proto files, when the server has no reflection; repeatable
  --thrift FILE      the .thrift file of the service (or a folder); repeatable
  --include DIR      where imports are looked for; repeatable
  --header NAME=TEXT sent with the call; base64 where the name ends in -bin; repeatable
  --ca FILE, --cert FILE, --key FILE, --server-name NAME    as for hawser call

examples:
  hawser subscribe 127.0.0.1:50051 market.v1.Quotes/Prices
  hawser subscribe 127.0.0.1:50051 market.v1.Quotes/Prices --from seq:100 --keys cod,eel --json
  hawser subscribe thrift://127.0.0.1:9090 market.v1.Quotes/Prices --thrift idl/market.thrift

Ends with 0 on Ctrl-C, with 1 when the subscription failed or --timeout ran out, with 2 when the command line cannot be meant.`;

interface Options extends Sources {
  readonly service: string;
  readonly method: string;
  readonly request: object;
  readonly keys: readonly string[];
  readonly subscribe: SubscribeOptions;
  readonly count: number;
  /** ms without a connection. */
  readonly timeout: number | undefined;
  readonly json: boolean;
}

/** Resolves to the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const options = parse(args);
  try {
    const { timeout } = options;
    const client = timeout === undefined ? options.client : { ...options.client, timeout };
    const { service } = await findService(options.service, { ...options, client });
    const method = findMethod(service, options.method);
    if (method.policy.topic === undefined) {
      throw new UsageError(`${options.service}/${method.name} declares no topic; hawser call calls it`);
    }
    await follow(createClient(service, options.address, { ...options.client, logger: silentLogger }), method, options);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    console.error(
      `hawser subscribe: ${isRpcError(error) ? `${error.code}: ${error.message} (${error.reason})` : (error as Error).message}`,
    );
    return 1;
  }
}

function parse(args: readonly string[]): Options {
  const many = { type: 'string', multiple: true } as const;
  const one = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...connectionOptions,
      proto: many,
      thrift: many,
      include: many,
      from: one,
      keys: one,
      accept: one,
      mode: one,
      conflate: one,
      'min-interval': one,
      'max-bps': one,
      name: one,
      count: one,
      timeout: one,
      json: { type: 'boolean', default: false },
    },
  });
  const [address, path, json = '{}', ...rest] = positionals;
  if (address === undefined) throw new UsageError('an ADDRESS is needed, such as 127.0.0.1:50051');
  if (rest.length > 0) throw new UsageError(`${JSON.stringify(rest[0])} is one argument too many; quote the JSON`);
  const thrift = values.thrift ?? [];
  if (thrift.length === 0 && /^thrifts?[:+]/.test(address)) {
    throw new UsageError('a Thrift server does not describe itself; name its .thrift file with --thrift');
  }
  const [service, method] = splitPath(path);
  if (service === undefined || method === undefined) throw new UsageError('name a topic, pkg.Service/Method');
  const request = requestOf(json);
  if (typeof request !== 'object' || request === null) throw new UsageError(`the request is ${json}, and no object`);
  const subscribe: SubscribeOptions = {
    ...(values.from === undefined ? {} : { from: fromOf(values.from) }),
    ...(values.accept === undefined ? {} : { accept: listOf(values.accept) as [] }),
    ...(values.mode === undefined ? {} : { mode: values.mode as 'EVERY' }),
    ...(values.conflate === undefined ? {} : { conflate: values.conflate as 'ALWAYS' }),
    ...(values['min-interval'] === undefined ? {} : { minInterval: values['min-interval'] }),
    ...(values['max-bps'] === undefined ? {} : { maxBps: numberOf('--max-bps', values['max-bps']) }),
    ...(values.name === undefined ? {} : { name: values.name }),
  };
  checkIdlPaths(values);
  if (values.count === '0') throw new UsageError('--count is 0; it is a number of changes, 1 or more');
  const timeout = meant(() => duration(values.timeout, '--timeout'));
  const connection = connectionOf(address, thrift.length > 0 ? 'thrift' : 'proto', values);
  meant(() => specOf(method, {}, [], subscribe));
  return {
    address,
    service,
    method,
    request,
    keys: values.keys === undefined ? [] : listOf(values.keys),
    subscribe,
    count: values.count === undefined ? Number.POSITIVE_INFINITY : numberOf('--count', values.count),
    timeout,
    json: values.json,
    proto: values.proto ?? [],
    thrift,
    topics: true,
    include: values.include ?? [],
    client: connection,
  };
}

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function fromOf(text: string): From {
  if (text === 'snapshot' || text === 'head' || text === 'committed') return text;
  const at = text.indexOf(':');
  const rest = text.slice(at + 1);
  switch (text.slice(0, Math.max(0, at))) {
    case 'seq':
      return { seq: numberOf('--from seq', rest) };
    case 'last':
      return { last: numberOf('--from last', rest) };
    case 'time': {
      const [, age, unit] = /^-(\d+)([smhd])$/.exec(rest) ?? [];
      if (unit !== undefined) return { time: Date.now() - Number(age) * (units[unit] as number) };
      const time = /^\d+$/.test(rest) ? Number(rest) : Date.parse(rest);
      if (!Number.isNaN(time)) return { time };
      throw new UsageError(`--from time:${rest} is no time; write ms since 1970, a date, or an age such as -5m`);
    }
    default:
      throw new UsageError(
        `--from is ${JSON.stringify(text)}; it is snapshot, head, committed, seq:NUMBER, last:NUMBER or time:WHEN`,
      );
  }
}

function numberOf(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`${name} is ${JSON.stringify(text)}, and no whole number`);
  return Number(text);
}

function listOf(text: string): string[] {
  return text.split(',').filter((one) => one !== '');
}

type Subscribe = (request: object, options: SubscribeOptions) => Subscription<unknown>;

interface Following {
  readonly $call: object;
  $close(): Promise<void>;
}

async function follow(client: Following, method: MethodType, options: Options): Promise<void> {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const { [method.localName]: topic } = client.$call as Record<string, { readonly subscribe: Subscribe }>;
  const parameters = meant(() => method.request.fromJSON(options.request)) as object;
  const keys = options.keys.length > 0 ? options.keys : keysIn(parameters);
  const subscription = meant(() =>
    (topic as { readonly subscribe: Subscribe }).subscribe({ ...parameters, keys }, options.subscribe),
  );
  const stop = (): void => subscription.unsubscribe();
  // Nobody reads any more: `hawser subscribe ... | head`.
  process.stdout.on('error', stop);
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const outage = new Outage(subscription, {
    address: options.address,
    timeout: options.timeout,
    say: (sentence) => console.error(`hawser subscribe: ${sentence}`),
    lost: (error) => print(lostLine(subscription, error, options.json)),
  });
  tellEvents(subscription, options.json, print);
  let left = options.count;
  try {
    for await (const change of subscription) {
      if (left <= 0) break;
      print(options.json ? jsonOf(change, subscription, method) : lineOf(change, subscription, method));
      left -= 1;
      if (left <= 0) break;
    }
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    await client.$close();
  }
  if (outage.error !== undefined) throw outage.error;
}

function keysIn(parameters: object): readonly string[] | undefined {
  const { keys } = parameters as { readonly keys?: Iterable<unknown> };
  const named = [...(keys ?? [])].map(String);
  return named.length === 0 ? undefined : named;
}

function lineOf(change: Change<unknown>, { lag, stats }: Subscription<unknown>, method: MethodType): string {
  const { seq, key, mergedCount, type, snapshot } = change;
  const what = type === 'delete' ? 'deleted' : JSON.stringify(method.response.toJSON(change.value));
  const many = mergedCount > 1 ? `  for ${mergedCount}` : '';
  const mark = snapshot ? 'held' : type;
  return `${String(seq).padStart(8)}  ${mark.padEnd(6)}  ${key.padEnd(12)}  ${what}${many}  lag ${lag}  skipped ${stats.skipped}`;
}

function jsonOf(change: Change<unknown>, { lag, stats, position }: Subscription<unknown>, method: MethodType): string {
  const value = change.type === 'delete' ? undefined : method.response.toJSON(change.value);
  return JSON.stringify({ ...change, value, position, lag, ...stats });
}

const eventLine = (json: boolean, event: string, fields: object, sentence: string): string =>
  json ? JSON.stringify({ event, ...fields }) : `-- ${event}: ${sentence}`;

const at = (position: { readonly seq: number; readonly epoch: string } | undefined): string =>
  position === undefined ? 'before it began' : `at ${position.seq} of ${position.epoch.slice(0, 8)}`;

function lostLine({ position }: Subscription<unknown>, error: RpcError | undefined, json: boolean): string {
  const sentence = `${error?.message ?? 'the server goes'}; ${at(position)}`;
  return eventLine(json, 'stale', { position, error: error?.message }, sentence);
}

function tellEvents(subscription: Subscription<unknown>, json: boolean, print: (line: string) => void): void {
  const tell = (event: string, fields: object, sentence: string): void =>
    print(eventLine(json, event, fields, sentence));
  for (const name of ['ready', 'recovered'] as const) {
    subscription.on(name, (event) => tell(name, event, `${event.outcome} ${at(event.position)}`));
  }
  subscription.on('gap', (event) =>
    tell('gap', event, `updates ${event.from + 1} to ${event.to} are lost (${event.reason})`),
  );
  subscription.on('reset', (event) => tell('reset', event, `${event.reason}; what was held is void`));
  subscription.on('broken', (event) => tell('broken', event, event.problem));
  subscription.on('throttled', (event) =>
    tell('throttled', event, `${event.cause}: ${event.minInterval} ms between batches, ${event.maxBps} bytes a second`),
  );
}

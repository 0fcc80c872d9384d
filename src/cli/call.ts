/**
 * `hawser call`: a quick look at a running server. gRPC services are known by reflection or from
 * `--proto`, Thrift services from `--thrift`; requests and responses are JSON.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isRpcError } from '../call/rpc-error.js';
import { createClient } from '../client/create-client.js';
import type { CallInfo } from '../client/types.js';
import { declaredTypeName } from '../contract/declared-error.js';
import { duration } from '../contract/duration.js';
import { type MethodType, streamsRequest, streamsResponse } from '../contract/method.js';
import type { ServiceType } from '../contract/service.js';
import { answerPatience, connectionOf, connectionOptions, meant, requestOf, splitPath } from './connection.js';
import { type Found, findMethod, findService, type Sources } from './find-service.js';
import { checkIdlPaths } from './idl-paths.js';
import { listServices } from './reflection-client.js';
import { UsageError } from './usage.js';

export const summary = 'call a method of a running server';

export const help = `usage: hawser call ADDRESS [pkg.Service[/Method]] [JSON] [options]

Calls a method and prints each response as JSON on a line of its own. JSON is the request; "-" reads it from
standard input; without it the request is {}. A method that takes a stream of requests takes a JSON array.
Without a method it lists what the server, or the service, has.

  ADDRESS            host:port, grpc://host:port, unix:/path, dns:///name:port,
                     thrift://host:port?wire=binary|compact|header; with TLS grpcs:// and thrifts://,
                     and grpcs+dns:///name:port, thrifts+unix:/path and so on
                     (with --thrift a bare host:port speaks Thrift)

  --proto DIR        .proto files, when the server has no reflection; repeatable
  --thrift FILE      the .thrift file of the service (or a folder); repeatable
  --include DIR      where imports and includes are looked for; repeatable
  --timeout TIME     500ms, 2s, 1h; without it the usual 30 s, and none for streams
  --header NAME=TEXT sent with the call; base64 where the name ends in -bin; repeatable
  --ca FILE          PEM: who signs the server's certificate
  --cert FILE        PEM: the client's certificate, for mutual TLS; with --key
  --key FILE         PEM: the client's key
  --server-name NAME the name expected in the server's certificate
  --verbose          print headers, trailers and the peer, on standard error

examples:
  hawser call 127.0.0.1:50051
  hawser call 127.0.0.1:50051 market.v1.TradeHistory/GetLastSale '{"fish":"halibut"}'
  hawser call thrift://127.0.0.1:9090 --thrift idl/market.thrift market.v1.TradeHistory/GetLastSale '{"fish":"salmon"}'

Ends with 0, with 1 when the call failed, with 2 when the command line cannot be meant.`;

interface Options extends Sources {
  readonly service: string | undefined;
  readonly method: string | undefined;
  readonly request: unknown;
  readonly verbose: boolean;
}

/** Resolves to the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const options = parse(args);
  try {
    return await look(options);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    report(error, () => undefined);
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
      proto: many,
      thrift: many,
      include: many,
      timeout: one,
      ...connectionOptions,
      verbose: { type: 'boolean', default: false },
    },
  });
  const [address, method, json, ...rest] = positionals;
  if (address === undefined) throw new UsageError('an ADDRESS is needed, such as 127.0.0.1:50051');
  if (rest.length > 0) throw new UsageError(`${JSON.stringify(rest[0])} is one argument too many; quote the JSON`);
  const thrift = values.thrift ?? [];
  const [service, name] = splitPath(method);
  if (service === undefined && thrift.length + (values.proto ?? []).length > 0) {
    throw new UsageError('name a service, pkg.Service/Method');
  }
  if (thrift.length === 0 && /^thrifts?[:+]/.test(address)) {
    throw new UsageError('a Thrift server does not describe itself; name its .thrift file with --thrift');
  }
  meant(() => duration(values.timeout, '--timeout'));
  checkIdlPaths(values);
  const connection = connectionOf(address, thrift.length > 0 ? 'thrift' : 'proto', values);
  return {
    address,
    service,
    method: name,
    request: requestOf(json === '-' ? standardInput() : (json ?? '{}')),
    proto: values.proto ?? [],
    thrift,
    include: values.include ?? [],
    verbose: values.verbose,
    client: { ...connection, ...(values.timeout === undefined ? {} : { timeout: values.timeout }) },
  };
}

function standardInput(): string {
  try {
    return readFileSync(0, 'utf8');
  } catch (error) {
    throw new UsageError(
      `the request was to come from standard input, which cannot be read: ${(error as Error).message}`,
    );
  }
}

async function look(options: Options): Promise<number> {
  if (options.service === undefined) {
    for (const name of await listServices(options.address, options.client)) console.log(name);
    return 0;
  }
  const { service, describe } = await findService(options.service, options);
  const { method: name } = options;
  if (name === undefined) {
    for (const method of Object.values<MethodType>(service.methods)) console.log(signature(method));
    return 0;
  }
  const method = findMethod(service, name);
  try {
    await invoke(service, method, options);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    report(error, describe);
    return 1;
  }
}

function signature(method: MethodType): string {
  const stream = (yes: boolean, type: string): string => (yes ? `stream ${type}` : type);
  return `${method.service.name}/${method.name}(${stream(streamsRequest(method.kind), method.request.typeName)}) -> ${stream(streamsResponse(method.kind), method.response.typeName)}`;
}

type AnyCall = CallInfo & PromiseLike<unknown> & AsyncIterable<unknown>;

async function invoke(service: ServiceType, method: MethodType, options: Options): Promise<void> {
  const json = options.request;
  // Said of this call, it bounds a stream, too.
  const { timeout } = options.client;
  const client = createClient(service, options.address, options.client);
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort(new Error('interrupted'));
  process.once('SIGINT', stop);
  // A stream is bounded by nothing: without a word a server that is none would look like one that has nothing to say.
  const waiting = setTimeout(() => {
    const bound = timeout === undefined ? '--timeout bounds it' : 'until --timeout';
    console.error(`hawser call: ${options.address} has not answered yet; waiting on (Ctrl-C ends it, ${bound})`);
  }, answerPatience);
  try {
    const request = meant(() =>
      streamsRequest(method.kind)
        ? (Array.isArray(json) ? json : [json]).map((one) => method.request.fromJSON(one))
        : method.request.fromJSON(json),
    );
    const call = (client.$call as unknown as Record<string, (request: unknown, options: object) => AnyCall>)[
      method.localName
    ]?.(request, { signal: interrupt.signal, ...(timeout === undefined ? {} : { timeout }) });
    if (call === undefined) return;
    void call.headers.then(
      () => clearTimeout(waiting),
      () => {}, // the call fails with it, too
    );
    if (options.verbose) void tell(call);
    if (streamsResponse(method.kind)) for await (const response of call) print(method, response);
    else print(method, await call);
  } finally {
    clearTimeout(waiting);
    process.off('SIGINT', stop);
    await client.$close();
  }
}

function print(method: MethodType, response: unknown): void {
  if (method.kind === 'oneway') return;
  console.log(response === undefined ? '{}' : JSON.stringify(method.response.toJSON(response)));
}

async function tell(call: CallInfo): Promise<void> {
  const headers = await call.headers;
  console.error(`peer ${call.peer.address}`);
  console.error(`headers ${JSON.stringify(headers)}`);
  console.error(`trailers ${JSON.stringify(await call.trailers)}`);
}

/** Of the fields of a declared error, what JSON has no form for. */
function plain(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}

function report(error: unknown, describe: Found['describe']): void {
  const declared = declaredTypeName(error);
  if (declared !== undefined) {
    console.error(`hawser call: ${declared} ${JSON.stringify({ ...(error as object) }, plain)}`);
    return;
  }
  if (!isRpcError(error)) {
    console.error(`hawser call: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  console.error(`hawser call: ${error.code}: ${error.message} (${error.reason}, ${error.disposition})`);
  for (const { type, value } of error.details) {
    if (type === 'google.rpc.ErrorInfo') continue;
    const shown = describe(type, value);
    console.error(`  ${type} ${shown === undefined ? Buffer.from(value).toString('base64') : JSON.stringify(shown)}`);
  }
}

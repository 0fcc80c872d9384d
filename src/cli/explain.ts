/**
 * `hawser explain`: what holds for a method, and who said so. Reads the IDL as the generator does and decides as
 * the runtime does, so it tells what a client made without options will do.
 */
import { parseArgs } from 'node:util';
import { formatDiagnostic } from '../codegen/diagnostic.js';
import { camelCase, methodCase } from '../codegen/names.js';
import { isEnforced } from '../codegen/policy-rules.js';
import { loadProto } from '../codegen/proto/load.js';
import { ToolError } from '../codegen/proto/peer.js';
import { kindOf, PolicyReader } from '../codegen/proto/policy.js';
import { allFunctions, fullName, parseThrift, readPolicies, thriftFiles } from '../codegen/thrift/index.js';
import { streamsRequest, streamsResponse } from '../contract/method.js';
import type { Policy } from '../contract/policy.js';
import { defaultMaxTimeout } from '../interceptors/deadline.js';
import { effectivePolicy, type Governed, type Held, repeatable } from '../interceptors/effective-policy.js';
import { throttleTerms } from '../interceptors/throttle.js';
import { registryOf } from './dynamic-proto.js';
import { checkIdlPaths } from './idl-paths.js';
import { UsageError } from './usage.js';

export const summary = 'print the policy of a method, and where each part comes from';

export const help = `usage: hawser explain pkg.Service[/Method] (--proto DIR | --thrift FILE)... [--include DIR]...

Prints what holds for a method, or for each method of a service: timeouts, retries, hedging. Each value comes with its
source: the method's own option, its service's, or the default. Two sources go before these and are
not in the IDL: the options of a call, then those of a client (createClient) or server (createServer).

  --proto DIR     .proto files; repeatable
  --thrift FILE   a .thrift file, or a folder of them; repeatable
  --include DIR   where imports and includes are looked for; repeatable
  -h, --help      print this

example:
  hawser explain market.v1.TradeHistory/GetLastSale --proto proto

Ends with 0; with 1 when the IDL has errors; with 2 when the command line cannot be meant.`;

interface Named extends Governed {
  readonly name: string;
}

export async function run(args: readonly string[]): Promise<number> {
  const many = { type: 'string', multiple: true } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { proto: many, thrift: many, include: many },
  });
  const { proto = [], thrift = [], include = [] } = values;
  const [path, ...surplus] = positionals;
  if (path === undefined) throw new UsageError('Name a method: pkg.Service/Method, or a service.');
  if (surplus.length > 0) throw new UsageError(`${JSON.stringify(surplus[0])} is one argument too many.`);
  if (proto.length + thrift.length === 0) throw new UsageError('Name the IDL with --proto or --thrift.');
  checkIdlPaths({ proto, thrift, include });
  const [service = '', method, ...rest] = path.replace(/^\//, '').split('/');
  if (service === '' || rest.length > 0) throw new UsageError(`${path} is not pkg.Service/Method.`);
  let services: ReadonlyMap<string, readonly Named[]>;
  try {
    services = new Map([...(await protoMethods(proto, include)), ...thriftMethods(thrift, include)]);
  } catch (error) {
    if (!(error instanceof ToolError) && !(error instanceof IdlError)) throw error;
    console.error(error.message);
    return 1;
  }
  const methods = services.get(service);
  if (methods === undefined) {
    throw new UsageError(
      `There is no service ${service}; there is ${[...services.keys()].sort().join(', ') || 'none'}.`,
    );
  }
  const chosen = methods.filter((one) => method === undefined || one.name === method || one.localName === method);
  if (chosen.length === 0) {
    throw new UsageError(`${service} has no method ${method}; it has ${methods.map((one) => one.name).join(', ')}.`);
  }
  console.log(chosen.map((one) => explain(service, one)).join('\n\n'));
  return 0;
}

/** The IDL is wrong; the message has the diagnostics. */
class IdlError extends Error {}

async function protoMethods(roots: readonly string[], includes: readonly string[]): Promise<[string, Named[]][]> {
  if (roots.length === 0) return [];
  let files: Awaited<ReturnType<typeof loadProto>>;
  try {
    files = await loadProto(roots, includes);
  } catch (error) {
    if (error instanceof ToolError) throw error;
    throw new IdlError(error instanceof Error ? error.message : String(error));
  }
  const registry = registryOf(files);
  const reader = new PolicyReader(registry, new Map());
  const services: [string, Named[]][] = [];
  for (const type of registry) {
    if (type.kind !== 'service') continue;
    const { policy } = reader.service(type);
    const methods = type.methods.map((method) => ({
      name: method.name,
      localName: camelCase(method.name),
      kind: kindOf(method),
      policy: reader.method(method, policy).policy,
      service: { policy },
    }));
    services.push([type.typeName, methods]);
  }
  return services;
}

function thriftMethods(paths: readonly string[], includes: readonly string[]): [string, Named[]][] {
  const services: [string, Named[]][] = [];
  for (const path of paths.flatMap(thriftFiles)) {
    const { program, diagnostics } = parseThrift(path, includes);
    const errors = diagnostics.filter((one) => one.severity === 'error');
    if (program === undefined || errors.length > 0) throw new IdlError(errors.map(formatDiagnostic).join('\n'));
    for (const [definition, { policy }] of readPolicies(program)) {
      const methods = allFunctions(definition).map(({ owner, function: each }): Named => {
        const own = readPolicies(owner.program).get(owner)?.functions.get(each);
        return {
          name: each.name,
          localName: methodCase(each.name),
          kind: own?.kind ?? 'unary',
          policy: own?.policy ?? {},
          service: { policy },
        };
      });
      services.push([fullName(definition), methods]);
    }
  }
  return services;
}

/** The policy of one method as a table of option, value and source, and what follows from it. */
export function explain(service: string, method: Named): string {
  const held = effectivePolicy(method);
  const { hedge } = held;
  const rows: [string, string, string][] = [
    row('timeout', held.timeout, time),
    row('attempt_timeout', held.attemptTimeout, (ms) => (ms === undefined ? 'none' : time(ms))),
    ['max_timeout', maxTimeout(method), maxTimeoutSource(method)],
    row('idempotency', held.idempotency, String),
    row('retry.max_attempts', held.maxAttempts, String),
    row('retry.initial_backoff', held.initialBackoff, time),
    row('retry.max_backoff', held.maxBackoff, time),
    row('retry.codes', held.codes, (codes) => codes.join(', ')),
    [
      'hedge',
      hedge.value === undefined
        ? 'none'
        : `${hedge.value.delay === undefined ? `after percentile ${hedge.value.percentile}` : `after ${time(hedge.value.delay)}`}, ${hedge.value.maxCopies ?? 2} copies`,
      hedge.source,
    ],
    ['throttle', throttleText(), 'default'],
    ...others(method),
  ];
  const widths = [0, 1].map((at) => Math.max(...rows.map((cells) => (cells[at] as string).length)));
  const lines = rows.map(
    ([option, value, source]) => `  ${option.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${source}`,
  );
  return [
    `${service}/${method.name} (${method.kind})`,
    '',
    ...lines,
    '',
    ...consequences(method).map((one) => `  ${one}`),
  ].join('\n');
}

function row<T>(option: string, { value, source }: Held<T>, print: (value: T) => string): [string, string, string] {
  return [option, print(value), source];
}

/** Of the client as a whole: no IDL says anything of it. */
function throttleText(): string {
  const { multiplier, minimumRate, maxRejection, window } = throttleTerms();
  return `up to ${maxRejection * 100} % of the calls while fewer than 1 of ${multiplier} is taken, over ${time(window)}, from ${minimumRate} calls/s`;
}

function maxTimeout(method: Governed): string {
  if (streams(method)) return 'none';
  return time(method.policy.maxTimeout ?? method.service.policy.maxTimeout ?? defaultMaxTimeout);
}

function maxTimeoutSource(method: Governed): string {
  if (streams(method)) return 'default';
  if (method.policy.maxTimeout !== undefined) return 'method';
  return method.service.policy.maxTimeout === undefined ? 'default' : 'service';
}

const plain = {
  criticality: 'criticality',
  cost: 'cost',
  checksum: 'checksum',
  keyField: 'key_field',
  keyRequired: 'key_required',
} as const;

/** Options that have no default to show: only where they are written. */
function others(method: Governed): [string, string, string][] {
  return (Object.keys(plain) as (keyof typeof plain & keyof Policy)[]).flatMap((key) => {
    const own = method.policy[key];
    const value = own ?? method.service.policy[key];
    if (value === undefined) return [];
    const shown = isEnforced(plain[key]) ? String(value) : `${value}, not enforced yet`;
    return [[plain[key], shown, own === undefined ? 'service' : 'method']];
  });
}

function consequences(method: Governed): string[] {
  const { timeout } = method.service.policy;
  const unbounded = streams(method) && timeout !== undefined && method.policy.timeout === undefined;
  return [
    ...(unbounded
      ? [`The service's timeout of ${time(timeout)} is for its unary methods; a stream has its own or none.`]
      : []),
    ...attempts(method),
  ];
}

function attempts(method: Governed): string[] {
  const held = effectivePolicy(method);
  const { value: idempotency } = held.idempotency;
  if (held.maxAttempts.value < 2) return ['Every call is one attempt.'];
  const proven = `A call that is proven not to have run is sent again, ${held.maxAttempts.value} times in all`;
  const before = streams(method) ? ', until the server has answered' : '';
  if (!repeatable.includes(idempotency)) {
    return [`${proven}${before}; one that may have run is not, because the method is ${idempotency}.`];
  }
  const keyed = idempotency === 'KEYED' ? ' when it carries its key' : '';
  return [
    `${proven}${before}; so is one that may have run${keyed}, after ${held.codes.value.join(', ')} or a slow attempt.`,
  ];
}

function streams(method: Governed): boolean {
  return streamsRequest(method.kind) || streamsResponse(method.kind);
}

function time(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return 'none';
  for (const [unit, size] of [
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ] as const) {
    if (ms >= size && ms % size === 0) return `${ms / size} ${unit}`;
  }
  return `${ms} ms`;
}

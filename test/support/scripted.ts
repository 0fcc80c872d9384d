/**
 * Servers in memory whose answers a test writes down, on virtual time: what each attempt met, and what it
 * brought with it.
 */
import {
  type ClientOptions,
  createClient,
  createServer,
  type Handlers,
  type MemoryNode,
  RpcError,
  type RpcErrorOptions,
  silentLogger,
} from 'hawser';
import {
  type Faults,
  type Latency,
  SeededNetwork,
  type SeededRandom,
  seededRandom,
  ThriftNetwork,
  VirtualClock,
} from 'hawser/testing';
import { Echo, EchoOverThrift, type Note, note } from './echo.js';

/** What an attempt is answered: a note, an error, with a pushback or headers, or nothing ever. */
export type Answer =
  | 'ok'
  | 'hang'
  | { readonly error: RpcError; readonly pushback?: string | readonly string[]; readonly headers?: boolean };

export interface Arrival {
  readonly node: string;
  readonly at: number;
  readonly text: string;
  readonly attempts: string | undefined;
  readonly owner: string | undefined;
  readonly remaining: number | undefined;
}

export const fails = (code: RpcError['code'] = 'UNAVAILABLE', options: RpcErrorOptions = {}): Answer => ({
  error: new RpcError(code, `scripted ${code}`, options),
});

export const pushedBack = (...values: string[]): Answer => ({
  error: new RpcError('UNAVAILABLE', 'scripted'),
  pushback: values,
});

export const idempotent = { methods: { say: { idempotency: 'IDEMPOTENT' } } } as const;

/** What carries the attempts: frames of the memory transport's, or the bytes of Thrift. */
export type Wire = 'memory' | 'header' | 'binary';

export interface ScriptedOptions {
  readonly wire?: Wire;
  readonly nodes?: readonly string[];
  readonly faults?: Faults;
  readonly seed?: number;
  readonly client?: ClientOptions;
  /** The answer to the attempt of that number, counted from 0 over all nodes. */
  readonly script?: (attempt: number, node: string, request: Note) => Answer;
  readonly handlers?: Partial<Handlers<typeof Echo>>;
}

/** What a test may do to a node, whichever wire leads there. */
interface ScriptedNetwork {
  node(name: string): MemoryNode & { set(faults: { latency?: Latency; halfOpen?: boolean }): void; reset(): void };
}

export async function scripted(options: ScriptedOptions = {}) {
  const { wire = 'memory', faults = {}, seed = 1 } = options;
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const terms = { clock, random: random.fork('network') };
  if (wire === 'memory') {
    const net = new SeededNetwork({ ...terms, faults });
    return { ...(await serving(options, clock, random, net, Echo)), net };
  }
  const { latency = 0 } = faults;
  const net = new ThriftNetwork({ ...terms, wire, faults: { latency, pieces: true } });
  return { ...(await serving(options, clock, random, net, EchoOverThrift)), net };
}

async function serving(
  options: ScriptedOptions,
  clock: VirtualClock,
  random: SeededRandom,
  net: ScriptedNetwork,
  service: typeof Echo,
) {
  const { nodes = ['a'], client: clientOptions = {}, script = () => 'ok', handlers = {} } = options;
  const arrivals: Arrival[] = [];
  const servers = [];
  for (const node of nodes) {
    const server = createServer({ clock, logger: silentLogger, maxTimeout: '365d' });
    server.add(service, {
      say(request, call) {
        const number = arrivals.length;
        arrivals.push({
          node,
          at: clock.now(),
          text: request.text,
          attempts: call.headers.get('grpc-previous-rpc-attempts'),
          owner: call.headers.get('hawser-retry-owner'),
          remaining: call.deadline?.remaining(),
        });
        const answer = script(number, node, request);
        if (answer === 'ok') return note(request.text, number);
        if (answer === 'hang') return new Promise<never>(() => {});
        if (answer.headers === true) call.responseHeaders.set('x-began', '1');
        for (const value of [answer.pushback ?? []].flat())
          call.responseTrailers.append('grpc-retry-pushback-ms', value);
        throw answer.error;
      },
      tell: () => {},
      async *repeat(request) {
        for (let i = 0; i < request.count; i++) yield note(request.text, i);
      },
      async collect(requests) {
        let count = 0;
        for await (const { count: one } of requests) count += one;
        return note('sum', count);
      },
      async *chat(requests) {
        for await (const request of requests) yield request;
      },
      ...handlers,
    });
    await server.listen({ memory: net.node(node) });
    servers.push(server);
  }
  const places = nodes.map((node) => net.node(node));
  const client = createClient(service, places.length === 1 ? (places[0] as MemoryNode) : places, {
    clock,
    random: random.fork('client'),
    logger: silentLogger,
    timeout: '10s',
    ...clientOptions,
  });
  return { clock, client, arrivals, servers, random };
}

/** Settles to what the promise rejected with. */
export async function rejection(promise: PromiseLike<unknown>): Promise<RpcError> {
  try {
    await promise;
  } catch (error) {
    return error as RpcError;
  }
  throw new Error('it was expected to fail');
}

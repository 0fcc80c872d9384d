/**
 * Servers in memory whose answers a test writes down, on virtual time: what each attempt met, and what it
 * brought with it.
 */
import {
  type ClientOptions,
  createClient,
  createServer,
  type Handlers,
  RpcError,
  type RpcErrorOptions,
  silentLogger,
} from 'hawser';
import { type Faults, SeededNetwork, seededRandom, VirtualClock } from 'hawser/testing';
import { Echo, type Note, note } from './echo.js';

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

export interface ScriptedOptions {
  readonly nodes?: readonly string[];
  readonly faults?: Faults;
  readonly seed?: number;
  readonly client?: ClientOptions;
  /** The answer to the attempt of that number, counted from 0 over all nodes. */
  readonly script?: (attempt: number, node: string, request: Note) => Answer;
  readonly handlers?: Partial<Handlers<typeof Echo>>;
}

export async function scripted(options: ScriptedOptions = {}) {
  const {
    nodes = ['a'],
    faults = {},
    seed = 1,
    client: clientOptions = {},
    script = () => 'ok',
    handlers = {},
  } = options;
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const net = new SeededNetwork({ clock, random: random.fork('network'), faults });
  const arrivals: Arrival[] = [];
  const servers = [];
  for (const node of nodes) {
    const server = createServer({ clock, logger: silentLogger, maxTimeout: '365d' });
    server.add(Echo, {
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
  const client = createClient(Echo, nodes.length === 1 ? net.node(nodes[0] as string) : net.nodes(...nodes), {
    clock,
    random: random.fork('client'),
    logger: silentLogger,
    timeout: '10s',
    ...clientOptions,
  });
  return { clock, net, client, arrivals, servers, random };
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

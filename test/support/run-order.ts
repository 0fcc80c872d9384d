/** Runs a call through an order of steps against a peer that is told each of them, and says where it differs from the model. */
import {
  type ClientAddress,
  type ClientOptions,
  createClient,
  type Interceptor,
  isRpcError,
  silentLogger,
} from 'hawser';
import { VirtualClock } from 'hawser/testing';
import type { MethodKind } from '../../src/contract/method.js';
import { Echo, type Note, note } from './echo.js';
import {
  backoff,
  type CallerStep,
  isCaller,
  isServer,
  type Order,
  type Outcome,
  outcomes,
  type ServerStep,
  shownOrder,
  slowness,
  streamsBack,
  timeOf,
  timerOf,
} from './orders.js';

export interface OrderPeer {
  readonly address: ClientAddress;
  readonly service?: typeof Echo;
  readonly options?: ClientOptions;
  /** Attempts that have come so far. */
  readonly attempts: number;
  /** Waits until so many attempts have come, and all that is under way has come to rest; with virtual wires at once. */
  settled(clock: VirtualClock, attempts: number | undefined): Promise<void>;
  /** To the latest attempt that is open. */
  serve(step: ServerStep): void;
  /** Whatever is wrong with how the attempts were ended. */
  complaints(): Promise<readonly string[]>;
}

const methods: Readonly<Record<string, 'say' | 'repeat' | 'collect' | 'chat'>> = {
  unary: 'say',
  server: 'repeat',
  client: 'collect',
  bidi: 'chat',
};

/** Nothing, when the call ended as the model says; else what is wrong, with the order. */
export async function runOrder(order: Order, peer: OrderPeer): Promise<string | undefined> {
  const clock = new VirtualClock();
  const client = createClient(peer.service ?? Echo, peer.address, { ...optionsOf(order, clock), ...peer.options });
  const events: number[] = [];
  client.$on('attempt', ({ attempt }) => events.push(attempt));
  const abort = new AbortController();
  const source = new Requests();
  const call = begin(client, order.kind, source, {
    signal: abort.signal,
    timeout: timerOf(order, 'deadline') ?? Number.POSITIVE_INFINITY,
  });
  const settled: string[] = [];
  const reader = read(order, call);
  reader.whole.then((end) => settled.push(end));
  if (!order.late) reader.begin();
  const act: Readonly<Record<CallerStep, () => void>> = {
    abort: () => abort.abort(),
    close: () => void client.$close(),
    return: () => void (call as { return?(): Promise<unknown> }).return?.(),
  };
  await peer.settled(clock, 1);
  const expected = outcomes(order);
  let over = false;
  const steps = [...order.steps, { what: 'abort', joined: false } as const];
  for (const [at, { what, joined }] of steps.entries()) {
    if (!joined) {
      await clock.advance(Math.max(0, timeOf(at) - clock.now()));
      await peer.settled(clock, over ? undefined : call.attempts);
    }
    if (isServer(what)) peer.serve(what);
    else if (isCaller(what)) {
      act[what]();
      over = true;
    }
    if (steps[at + 1]?.joined !== true) await peer.settled(clock, undefined);
  }
  reader.begin();
  await clock.advance(2 * slowness);
  await peer.settled(clock, undefined);
  const wrong: string[] = [];
  if (settled.length !== 1) wrong.push(`the call settled ${settled.length} times`);
  const seen = { end: settled[0], messages: reader.messages(), attempts: call.attempts };
  if (!expected.some((one) => matches(order, one, seen, expected.length > 1))) {
    wrong.push(`it ended as ${JSON.stringify(seen)}, and should have as ${JSON.stringify(expected)}`);
  }
  const infos = await Promise.race([
    Promise.all([call.headers, call.trailers]).then(() => 'settled'),
    clock.settle().then(() => 'pending'),
  ]);
  if (infos !== 'settled') wrong.push('its headers and trailers never settled');
  const alone = !order.retry && order.addresses === 1;
  if (!alone && events.length !== call.attempts) {
    wrong.push(`${call.attempts} attempts were told by ${events.length} events`);
  }
  for (const { address, inFlight } of client.$addresses()) {
    if (inFlight !== undefined && inFlight !== 0) wrong.push(`${inFlight} attempts at ${address} were not given back`);
  }
  if ((order.kind === 'client' || order.kind === 'bidi') && source.returned !== 1) {
    wrong.push(`the iterator of requests was told ${source.returned} times`);
  }
  await client.$close();
  if (clock.timers > 0) wrong.push(`${clock.timers} timers are left`);
  wrong.push(...(await peer.complaints()));
  return wrong.length === 0 ? undefined : `${shownOrder(order)}: ${wrong.join('; ')}`;
}

function optionsOf(order: Order, clock: VirtualClock): ClientOptions {
  const attemptTimeout = timerOf(order, 'attempt timeout');
  const hedge = timerOf(order, 'hedge');
  const idempotency = 'IDEMPOTENT' as const;
  const hold: Interceptor = (method, next) =>
    streamsBack(method.kind)
      ? async (call) => {
          const [stream] = await Promise.all([next(call), clock.sleep(slowness)]);
          return stream;
        }
      : next;
  return {
    clock,
    logger: silentLogger,
    random: { next: () => 0.5 },
    retry: order.retry ? { maxAttempts: 2, initialBackoff: 2 * backoff, maxBackoff: 2 * backoff } : false,
    ...(attemptTimeout === undefined ? {} : { attemptTimeout }),
    methods: {
      say: { idempotency, ...(hedge === undefined ? {} : { hedge: { delay: hedge } }) },
      repeat: { idempotency },
      collect: { idempotency },
      chat: { idempotency },
    },
    ...(order.slow ? { interceptors: [{ interceptor: hold, after: 'retry' }] } : {}),
  };
}

type AnyCall = PromiseLike<unknown> &
  AsyncIterable<Note> & { readonly attempts: number; headers: Promise<unknown>; trailers: Promise<unknown> };

function begin(client: object, kind: MethodKind, source: Requests, options: object): AnyCall {
  const call = (client as Record<string, (request: unknown, options: object) => AnyCall>)[methods[kind] as string];
  const request = kind === 'client' || kind === 'bidi' ? source : note('x', 3);
  return (call as (request: unknown, options: object) => AnyCall)(request, options);
}

/** One request, and then no more for ever. */
class Requests implements AsyncIterable<Note> {
  returned = 0;
  #sent = false;

  [Symbol.asyncIterator](): AsyncIterator<Note> {
    return {
      next: () => {
        if (this.#sent) return new Promise(() => {});
        this.#sent = true;
        return Promise.resolve({ done: false, value: note('request') });
      },
      return: () => {
        this.returned += 1;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}

function read(order: Order, call: AnyCall) {
  let began: () => void = () => {};
  const start = new Promise<void>((resolve) => {
    began = resolve;
  });
  let messages = 0;
  const drain = async (): Promise<string> => {
    try {
      if (streamsBack(order.kind)) {
        await start;
        for await (const { count } of call) {
          if (count !== messages) return `message ${count} in the place of ${messages}`;
          messages += 1;
        }
      } else {
        await call;
        messages = 1;
      }
      return 'ok';
    } catch (error) {
      if (!isRpcError(error)) return String(error);
      return error.reason === 'ATTEMPT_TIMEOUT' ? error.reason : error.code;
    }
  };
  return { whole: drain(), begin: () => began(), messages: () => messages };
}

function matches(
  order: Order,
  expected: Outcome,
  seen: { end: string | undefined; messages: number; attempts: number },
  joined: boolean,
): boolean {
  // To a reader who stopped before it began, the stream has ended, whatever became of the call.
  if (order.late && order.steps.some(({ what }) => what === 'return')) return seen.end === 'ok' && seen.messages === 0;
  // A reader who stopped sees the end of the stream.
  if (seen.end !== (expected.end === 'stopped' ? 'ok' : expected.end)) return false;
  if (!joined && seen.attempts !== expected.attempts) return false;
  const local = expected.end === 'CANCELLED' || expected.end === 'DEADLINE_EXCEEDED';
  // After an abort here, what was not read is dropped.
  if (local && (order.late || joined)) return seen.messages <= expected.messages;
  if (expected.end === 'stopped' && (order.late || joined)) return seen.messages <= expected.messages;
  return seen.messages === expected.messages;
}

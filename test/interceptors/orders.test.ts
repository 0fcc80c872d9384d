/**
 * Whatever a server, a caller and the timers of a call do, in whatever order: the call settles once, as the model says, and
 * nothing of it is left. On a transport that a script plays, over virtual time; the wires have tests of the same orders.
 */
import { type ClientTransport, RpcError } from 'hawser';
import { expect, test } from 'vitest';
import type { Call } from '../../src/call/call.js';
import { HeaderMap } from '../../src/call/headers.js';
import { Inbox } from '../../src/call/inbox.js';
import { pump } from '../../src/call/pump.js';
import { streamsRequest, streamsResponse } from '../../src/contract/method.js';
import { type Note, note, noteCodec } from '../support/echo.js';
import { type Order, type OrderTerms, orderOf, type ServerStep } from '../support/orders.js';
import { type OrderPeer, runOrder } from '../support/run-order.js';
import { runs } from '../support/soak.js';

const wire = { headersFirst: false, headersSeen: true, oneMessage: false };

class Played {
  readonly ends: string[] = [];
  readonly response: Promise<unknown>;
  readonly #call: Call;
  readonly #inbox: Inbox<unknown> | undefined;
  #resolve: (value: unknown) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #message: Uint8Array | undefined;
  #sent = 0;
  #over = false;

  constructor(call: Call, deaf: boolean) {
    this.#call = call;
    this.#inbox = streamsResponse(call.method.kind) ? new Inbox({}) : undefined;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (this.#inbox !== undefined) this.#resolve(this.#inbox);
    call.onAbort((reason) => {
      if (deaf && !this.#over) this.#end('cancelled');
      else this.cancel(reason);
    });
    if (streamsRequest(call.method.kind)) {
      pump(call, call.request as AsyncIterable<Note>, (item) => void call.encodeItem(item)).catch(() => {});
    }
  }

  get open(): boolean {
    return !this.#over;
  }

  /** Ends the attempt from this side. */
  cancel(reason: RpcError): void {
    if (this.#over) return;
    this.#end('cancelled');
    this.#inbox?.abort(reason);
    this.#reject(reason);
    this.#call.finish();
  }

  serve(step: ServerStep): void {
    const call = this.#call;
    if (step === 'headers') call.receiveHeaders(new HeaderMap());
    else if (step === 'message') this.#receive(noteCodec.encode(note('answer', this.#sent++), 'proto'));
    else if (step === 'trailers') this.#trailers();
    else this.#fail(new RpcError('UNAVAILABLE', 'played'));
  }

  #receive(bytes: Uint8Array): void {
    if (this.#inbox !== undefined) this.#inbox.push(this.#call.decodeItem(bytes));
    else if (this.#message === undefined) this.#message = bytes;
    else this.#fail(new RpcError('UNIMPLEMENTED', 'two messages'));
  }

  #trailers(): void {
    if (this.#inbox === undefined && this.#message === undefined) {
      this.#fail(new RpcError('UNIMPLEMENTED', 'no message'));
      return;
    }
    this.#end('ended');
    this.#call.receiveTrailers(new HeaderMap());
    this.#inbox?.end();
    this.#resolve(this.#message);
    if (this.#call.method.kind !== 'unary') this.#call.finish();
  }

  #fail(error: RpcError): void {
    this.#end('ended');
    this.#inbox?.fail(error);
    this.#reject(error);
    if (this.#call.method.kind !== 'unary') this.#call.finish();
  }

  #end(how: string): void {
    this.#over = true;
    this.ends.push(how);
  }
}

class ScriptedPeer implements OrderPeer {
  readonly address: OrderPeer['address'];
  readonly #played: Played[] = [];
  #closed = false;

  constructor(order: Order, deaf: boolean) {
    const one = (name: number): ClientTransport => ({
      encoding: 'proto',
      address: `server ${name}`,
      settlesOnAbort: !deaf,
      bind: () => (call) => {
        if (this.#closed) return Promise.reject(new RpcError('CANCELLED', 'the client is closed'));
        const played = new Played(call, deaf);
        this.#played.push(played);
        return played.response;
      },
      close: async () => {
        this.#closed = true;
        for (const played of this.#played) played.cancel(new RpcError('CANCELLED', 'the client was closed'));
      },
    });
    const transports = order.addresses === 1 ? [] : order.addresses.map(one);
    // Only addresses that may change are balanced however few there are.
    this.address = order.addresses === 1 ? one(1) : transports.length === 1 ? () => transports : transports;
  }

  get attempts(): number {
    return this.#played.length;
  }

  settled: OrderPeer['settled'] = (clock) => clock.settle();

  serve(step: ServerStep): void {
    this.#played.findLast((one) => one.open)?.serve(step);
  }

  async complaints(): Promise<string[]> {
    return this.#played
      .filter(({ ends }) => ends.length !== 1)
      .map(({ ends }, at) => `attempt ${at + 1} of the wire ended ${ends.length} times: ${ends.join(', ')}`);
  }
}

const terms: OrderTerms = { wire };
const total = runs(20_000);

test.each([
  ['settles when it is aborted', false],
  ['knows nothing of aborts', true],
])(
  `of ${total / 2} orders every call ends as the model says, on a transport that %s`,
  async (_what, deaf) => {
    const wrong: string[] = [];
    for (let number = 0; number < total / 2 && wrong.length < 10; number++) {
      const order = orderOf(number, terms);
      const one = await runOrder(order, new ScriptedPeer(order, deaf));
      if (one !== undefined) wrong.push(one);
    }
    expect(wrong).toEqual([]);
  },
  300_000,
);

/** A server of ours on one thread in virtual time, and callers that send what they send whatever becomes of it. */
import { type AdmissionOptions, createServer, RpcError, silentLogger } from 'hawser';
import { type SeededRandom, seededRandom } from 'hawser/testing';
import { Call } from '../../../src/call/call.js';
import { runInCall } from '../../../src/call/current.js';
import { Deadline } from '../../../src/call/deadline.js';
import type { Dispatcher } from '../../../src/call/transport.js';
import { type Job, type Method, methods, mix, Work } from './service.js';
import { Thread } from './thread.js';

/** ms of processor time: reading a request and answering it; turning one away before there is a call. */
const costs = { served: 0.1, refused: 0.06 };
export interface Options {
  readonly admission: AdmissionOptions | false;
  /** `waits`: the handler asks a database first, so that many calls are in flight before the thread is short. */
  readonly handler?: 'computes' | 'waits';
  /** ms for which it waits; 5. */
  readonly wait?: number;
  /** ms of processor time that a handler takes. */
  readonly work?: number;
  /** ms that a caller waits; 500. */
  readonly patience?: number;
  /** ms for which now and then the machine has no processor for the thread: a tenth of the time, or each `stallEvery` ms. */
  readonly stalls?: number;
  readonly stallEvery?: number;
  readonly seed: number;
}

export interface Phase {
  readonly rate: number;
  readonly sent: Record<Method, number>;
  readonly ok: Record<Method, number>;
  /** ms from sending to the answer, of calls that were answered in time. */
  readonly times: number[];
  /** Handlers that were run for nobody. */
  wasted: number;
  readonly seconds: number;
}

/** A lot for each call in a hundred. */
const lots = methods.flatMap((name) => Array.from({ length: mix[name] }, () => name));

const zeros = (): Record<Method, number> => ({ plus: 0, critical: 0, sheddablePlus: 0, sheddable: 0 });

export class Simulation {
  readonly thread = new Thread();
  readonly #random: SeededRandom;
  readonly #options: Options;
  readonly #dispatcher: Dispatcher;
  readonly server;

  constructor(options: Options) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const { thread } = this;
    const { handler = 'computes', wait = 5, work = 2 } = options;
    const handle = async (job: Job): Promise<Job> => {
      if (handler === 'waits') await new Promise<void>((resolve) => thread.arrives(thread.now() + wait, resolve));
      thread.compute(work * (0.5 + this.#random.next()));
      return job;
    };
    const admission = options.admission && { loopDelay: 50, ...options.admission };
    this.server = createServer({ admission, clock: thread, logger: silentLogger, telemetry: false });
    this.server.add(Work, { plus: handle, critical: handle, sheddablePlus: handle, sheddable: handle });
    let found: Dispatcher | undefined;
    void this.server.listen({
      memory: {
        address: 'thread',
        listen: (dispatcher) => {
          found = dispatcher;
          return { address: 'thread', close: async () => {} };
        },
        connect: () => {
          throw new Error('calls come by offer()');
        },
      },
    });
    this.#dispatcher = found as unknown as Dispatcher;
  }

  /** Calls a second that the thread could answer, were it to do nothing else. */
  get capacity(): number {
    return 1_000 / ((this.#options.work ?? 2) + costs.served);
  }

  /** Runs `rate` calls a second for so long, and until those are over that were sent. */
  async offer(rate: number, seconds: number): Promise<Phase> {
    const { thread } = this;
    const phase: Phase = { rate, sent: zeros(), ok: zeros(), times: [], wasted: 0, seconds };
    const from = thread.now();
    const until = from + seconds * 1_000;
    let at = from;
    const sendNext = (): void => {
      // A Poisson stream: as callers come who know nothing of each other.
      at += (-Math.log(1 - this.#random.next()) * 1_000) / rate;
      if (at >= until) return;
      const name = lots[this.#random.int(lots.length)] as Method;
      const sentAt = at;
      phase.sent[name] += 1;
      thread.arrives(sentAt, () => {
        sendNextAll();
        this.#receive(name, sentAt, phase);
      });
    };
    // What is sent while the thread computes is in the sockets when it looks.
    const sendNextAll = (): void => {
      while (at < until && at <= thread.now() + 50) sendNext();
    };
    this.#stall(from, until);
    sendNextAll();
    await thread.run(until);
    return phase;
  }

  /** Sends so many calls at one moment, and waits so long for them. */
  async burst(calls: number, seconds: number): Promise<Phase> {
    const { thread } = this;
    const phase: Phase = { rate: calls, sent: zeros(), ok: zeros(), times: [], wasted: 0, seconds };
    const from = thread.now();
    this.#stall(from, from + seconds * 1_000);
    for (let i = 0; i < calls; i++) {
      const name = lots[this.#random.int(lots.length)] as Method;
      phase.sent[name] += 1;
      thread.arrives(from, () => this.#receive(name, from, phase));
    }
    await thread.run(from + seconds * 1_000);
    return phase;
  }

  #stall(from: number, until: number): void {
    const { thread } = this;
    const { stalls = 0, stallEvery = 10 * stalls } = this.#options;
    for (let at = from; at < until && stalls > 0; at += stallEvery) thread.arrives(at, () => thread.compute(stalls));
  }

  #receive(name: Method, sentAt: number, phase: Phase): void {
    const { thread } = this;
    const { patience = 500 } = this.#options;
    const method = Work.methods[name];
    const peer = { address: 'sim' };
    const route = this.#dispatcher.find(method.path);
    if (route === undefined) throw new Error('the server has every method');
    if (route.refuse?.({ getAll: () => [], peer, timeout: patience }) !== undefined) {
      thread.compute(costs.refused);
      return;
    }
    thread.compute(costs.served);
    const call = new Call({
      method,
      side: 'server',
      encoding: 'proto',
      request: Buffer.from('1'),
      deadline: Deadline.after(patience, thread),
    });
    call.peer = peer;
    // The caller's giving up comes over the wire, behind all that was sent before.
    thread.arrives(Math.max(sentAt + patience, thread.now()), () => {
      if (!call.finished) call.abort(new RpcError('CANCELLED', 'the caller gave up'));
    });
    const fail = (): void => call.finish();
    call.onAbort(fail);
    runInCall(call, () => route.handle(call)).then(() => {
      const took = thread.now() - sentAt;
      if (took <= patience && !call.finished) {
        phase.ok[name] += 1;
        phase.times.push(took);
      } else phase.wasted += 1;
      call.finish();
    }, fail);
  }
}

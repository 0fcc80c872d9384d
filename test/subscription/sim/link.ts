/**
 * One connection between a client and a hub, in virtual time: frames arrive in order after a latency, a reader may be slow, and
 * the connection may be cut so that either end learns of it late, or carry nothing and tell nobody.
 */
import { ClientFrame, type ServerFrame } from '../../../gen/hawser/subscription/v1/subscription.js';
import { RpcError } from '../../../src/call/rpc-error.js';
import type { Connection, Session } from '../../../src/subscription/connection.js';
import { readServerFrame } from '../../../src/subscription/subscriber/server-frame.js';
import type { Wire, WireEnd } from '../../../src/subscription/subscriber/wire.js';
import type { SeededRandom } from '../../../src/testing/random.js';
import type { SimClock } from './sim-clock.js';

/** Changes what the server sends, to see a promise broken; undefined drops it. */
export type Tamper = (frame: ServerFrame) => ServerFrame | undefined;

export type TamperUp = (frame: ClientFrame) => void;

export interface LinkInit {
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly end: WireEnd;
  readonly connect: (connection: Connection) => Session | undefined;
  readonly latency: readonly [number, number];
  readonly tamper?: Tamper | undefined;
  /** Changes what the client sends. */
  readonly tamperUp?: TamperUp | undefined;
}

const socketBytes = 2048;
const lostConnection = new RpcError('UNAVAILABLE', 'the connection was lost', { reason: 'SIMULATED' });

/** Who all clients are. */
export const simPrincipal = 'anonymous';

export class Link implements Wire, Connection {
  readonly peer = 'sim';
  readonly principal = simPrincipal;
  readonly #init: LinkInit;
  readonly #session: Session | undefined;
  #clientGone = false;
  #serverGone = false;
  #silent = false;
  #awake = false;
  #upAt = 0;
  #downAt = 0;
  #inFlight = 0;
  #drain = (): void => {};
  /** ms more for each frame to the client. */
  slow = 0;

  constructor(init: LinkInit) {
    this.#init = init;
    this.#session = init.connect(this);
    if (this.#session === undefined) this.#tellClient();
  }

  get open(): boolean {
    return !this.#clientGone;
  }

  /** It carries what it is given, and nothing is on its way for long. */
  get healthy(): boolean {
    const gone = this.#clientGone || this.#serverGone || this.#silent || this.#closing;
    return !gone && this.slow === 0 && this.#lastArrival - this.#init.clock.now() <= 20;
  }

  // ---------------------------------------------------------------- the client's end

  wake(): void {
    if (this.#awake || this.#clientGone) return;
    this.#awake = true;
    this.#init.clock.setTimer(() => {
      this.#awake = false;
      this.#takeAll();
    }, 0);
  }

  #takeAll(): void {
    while (!this.#clientGone) {
      const frame = this.#init.end.take();
      if (frame === undefined) return;
      if (this.#silent) continue;
      this.#init.tamperUp?.(frame);
      const bytes = ClientFrame.encode(frame);
      this.#upAt = Math.max(this.#upAt, this.#init.clock.now() + this.#latency());
      this.#init.clock.setTimer(() => {
        if (!this.#serverGone && !this.#silent) this.#session?.receive(bytes);
      }, this.#upAt - this.#init.clock.now());
    }
  }

  // ---------------------------------------------------------------- the server's end

  get writable(): boolean {
    return !this.#serverGone && this.#inFlight < socketBytes;
  }

  onDrain(fn: () => void): void {
    this.#drain = fn;
  }

  send(bytes: Uint8Array): void {
    if (this.#serverGone) return;
    this.#inFlight += bytes.byteLength;
    const copy = bytes.slice();
    const { clock } = this.#init;
    this.#downAt = Math.max(this.#downAt, clock.now()) + this.slow;
    const arrival = this.#downAt + this.#latency();
    this.#downAt = this.slow > 0 ? arrival : Math.max(this.#downAt, clock.now());
    this.#lastArrival = Math.max(this.#lastArrival, arrival);
    clock.setTimer(() => this.#arrive(copy), this.#lastArrival - clock.now());
  }

  #lastArrival = 0;

  #arrive(bytes: Uint8Array): void {
    if (this.#silent) return; // what is in a dead socket stays there
    const full = this.#inFlight >= socketBytes;
    this.#inFlight -= bytes.byteLength;
    if (!this.#clientGone) {
      const frame = readServerFrame(bytes);
      const said = this.#init.tamper === undefined ? frame : this.#init.tamper(frame);
      if (said !== undefined) this.#init.end.received(said);
    }
    if (full && this.writable) this.#drain();
  }

  /** Either end hangs up; the other learns of it after what was sent before. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    const { clock } = this.#init;
    const wait = Math.max(0, this.#lastArrival - clock.now()) + this.#latency();
    clock.setTimer(() => this.#end(undefined), wait);
  }

  #closing = false;

  #end(error: RpcError | undefined): void {
    if (this.#silent) return;
    this.#tellServer();
    if (this.#clientGone) return;
    this.#clientGone = true;
    this.#init.end.lost(error);
  }

  // ---------------------------------------------------------------- trouble

  /** Broken: each end learns of it within `within` ms, by itself. */
  cut(within: number): void {
    const { clock, random } = this.#init;
    this.#silent = true;
    clock.setTimer(() => this.#tellServer(), random.next() * within);
    clock.setTimer(() => this.#tellClient(), random.next() * within);
  }

  /** Carries nothing any more; the server finds out by itself, or when `until` is over. */
  silence(until: number): void {
    this.#silent = true;
    this.#init.clock.setTimer(() => this.#tellServer(), until);
  }

  /** The server's process is gone. */
  crash(): void {
    this.#serverGone = true;
    this.#init.clock.setTimer(() => this.#tellClient(), this.#latency());
  }

  #tellServer(): void {
    if (this.#serverGone) return;
    this.#serverGone = true;
    this.#session?.closed();
  }

  #tellClient(): void {
    if (this.#clientGone) return;
    this.#init.clock.setTimer(() => {
      if (this.#clientGone) return;
      this.#clientGone = true;
      this.#init.end.lost(lostConnection);
    }, 0);
  }

  #latency(): number {
    const [least, most] = this.#init.latency;
    return least + this.#init.random.next() * (most - least);
  }
}

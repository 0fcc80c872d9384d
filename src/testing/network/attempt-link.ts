/** What stands between the two halves of one attempt: a lane each way, and the attempt's fate. */
import type { Clock } from '../../call/clock.js';
import { HeaderMap } from '../../call/headers.js';
import { ownError } from '../../call/own-error.js';
import type { RequestFrame, RequestPath, ResponsePath } from '../../transports/memory/paths.js';
import type { SeededRandom } from '../random.js';
import { drawFate, type Fate, type Faults } from './faults.js';
import { Lane } from './lane.js';
import { sample } from './latency.js';

export interface AttemptLinkInit {
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** The name of the node. */
  readonly node: string;
  /** The faults that hold now. */
  readonly faults: () => Faults;
  /** Whether the two ends are in parts that do not reach each other now. */
  readonly partitioned: () => boolean;
  /** The server's end of an attempt; undefined when none listens at the node now. */
  readonly accept: (back: ResponsePath) => RequestPath | undefined;
  /** The client's end. */
  readonly back: ResponsePath;
  readonly log: (what: string) => void;
  /** The client waits for nothing more. */
  readonly onOver: () => void;
}

export class AttemptLink implements RequestPath {
  readonly #init: AttemptLinkInit;
  readonly #fate: Fate;
  readonly #up: Lane;
  readonly #down: Lane;
  #server: RequestPath | undefined;
  #copy: Copy | undefined;
  #frames = 0;
  #answering = false;
  #broken = false;

  constructor(init: AttemptLinkInit) {
    this.#init = init;
    this.#fate = drawFate(init.faults(), init.random);
    const lane = (label: string, way: string): Lane => {
      const random = init.random.fork(label);
      return new Lane({
        clock: init.clock,
        latency: () => sample(init.faults().latency ?? 0, random),
        cut: () => (init.partitioned() ? 'partition' : init.faults().halfOpen === true ? 'half-open' : undefined),
        log: (what) => init.log(`${way} ${what}`),
      });
    };
    this.#up = lane('up', '->');
    this.#down = lane('down', '<-');
    if (this.#fate.refused) return;
    if (this.#fate.requestLost) this.#up.lose('dropped');
    if (this.#fate.responseLost) this.#down.lose('dropped');
  }

  open(frame: RequestFrame): void {
    const { faults, random } = this.#init;
    const extra = this.#fate.requestHeld + sample(faults().slow ?? 0, random.fork('slow'));
    const name = `request${size(frame.message)}`;
    if (!this.#counts()) return;
    this.#up.carry(name, () => this.#accept(frame), extra);
    if (this.#fate.duplicated && frame.message !== undefined) this.#duplicate(name, frame);
  }

  message(bytes: Uint8Array): Promise<void> | undefined {
    if (!this.#counts()) return never();
    return this.#up.carryMessage(`message${size(bytes)}`, () => this.#server?.message(bytes));
  }

  end(): void {
    if (this.#counts()) this.#up.carry('end of requests', () => this.#server?.end());
  }

  cancel(): void {
    this.#down.close();
    if (!this.#broken) this.#up.carry('cancel', () => this.#server?.cancel());
    this.#over();
  }

  lost(): void {
    this.reset('the client');
  }

  /** Breaks the connection: what is on the way still arrives, then either side learns of it. */
  reset(by: string): void {
    if (this.#broken) return;
    this.#broken = true;
    const error = ownError('CONNECTION_LOST', `the connection to ${this.#init.node} was reset by ${by}`, {
      disposition: 'unknown',
    });
    this.#up.carry('reset', () => this.#server?.lost());
    this.#down.carry('reset', () => this.#arrived(() => this.#init.back.lost(error)));
  }

  #accept(frame: RequestFrame): void {
    this.#server = this.#fate.refused ? undefined : this.#init.accept(this.#responses());
    if (this.#server !== undefined) {
      this.#server.open(frame);
      return;
    }
    this.#broken = true;
    const error = ownError('CONNECT_FAILED', `${this.#init.node} refused the connection`, {
      disposition: 'not-executed',
    });
    this.#down.carry('refusal', () => this.#arrived(() => this.#init.back.lost(error)));
  }

  #responses(): ResponsePath {
    const { back } = this.#init;
    return {
      headers: (headers) => {
        if (this.#counts()) this.#down.carry('headers', () => back.headers(headers), this.#hold());
      },
      message: (bytes) => {
        if (!this.#counts()) return never();
        return this.#down.carryMessage(`message${size(bytes)}`, () => back.message(bytes));
      },
      end: (trailers, error) => {
        if (!this.#counts()) return;
        const status = `status ${error?.code ?? 'OK'}`;
        this.#down.carry(status, () => this.#arrived(() => back.end(trailers, error)), this.#hold());
      },
      lost: () => this.reset('the server'),
    };
  }

  /** ms that the first frame of the response is held back. */
  #hold(): number {
    if (this.#answering) return 0;
    this.#answering = true;
    return this.#fate.responseHeld;
  }

  /** Whether the next frame is carried; the connection breaks instead when it has carried as many as it may. */
  #counts(): boolean {
    if (this.#broken) return false;
    if (this.#frames >= this.#fate.resetAfter) {
      this.reset(`the network after ${this.#frames} frames`);
      return false;
    }
    this.#frames += 1;
    return true;
  }

  /** On a way of its own: a copy may arrive before the first or long after the call is over. */
  #duplicate(name: string, frame: RequestFrame): void {
    const { faults, random, clock, log } = this.#init;
    const draws = random.fork('copy');
    const copy = new Copy();
    this.#copy = copy;
    const way = new Lane({
      clock,
      latency: () => sample(faults().latency ?? 0, draws) + sample(faults().slow ?? 0, draws),
      cut: () => (this.#init.partitioned() ? 'partition' : faults().halfOpen === true ? 'half-open' : undefined),
      log: (what) => log(`-> ${what}`),
    });
    const { headers, message } = frame;
    const twin = { ...frame, headers: new HeaderMap(headers), message: message?.slice() };
    way.carry(`copy of the ${name}`, () => {
      copy.server = this.#init.accept(copy);
      copy.server?.open(twin);
    });
  }

  #arrived(deliver: () => void): void {
    this.#down.close();
    deliver();
    this.#over();
  }

  #over(): void {
    this.#copy?.forget();
    this.#init.onOver();
  }
}

/** Takes the answer to a copy, which nobody reads: holds a stream back, and ends it when the call is over. */
class Copy implements ResponsePath {
  server: RequestPath | undefined;
  #messages = 0;
  #forgotten = false;

  headers(): void {}

  message(): Promise<void> | undefined {
    this.#messages += 1;
    if (this.#messages <= 1) return undefined; // the only one, when the response does not stream
    if (this.#forgotten) this.server?.cancel();
    return never();
  }

  end(): void {}
  lost(): void {}

  forget(): void {
    this.#forgotten = true;
    if (this.#messages > 1) this.server?.cancel();
  }
}

/** For a sender that has not heard yet that nothing is carried any more: it would spin otherwise. */
function never(): Promise<void> {
  return new Promise(() => {});
}

function size(message: Uint8Array | undefined): string {
  return message === undefined ? '' : ` (${message.byteLength} bytes)`;
}

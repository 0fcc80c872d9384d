/** A machine for the engine that a test turns by hand: time, turns, and pipes of memory between two connections. */
import { type BytePipe, type Host, latin1, type PipeReceiver } from '../../src/http2/byte-pipe.js';

export class Loop implements Host {
  #now = 0;
  #deferred: (() => void)[] = [];
  readonly #timers = new Map<number, { readonly at: number; readonly fn: () => void }>();
  #nextTimer = 0;

  readonly now = (): number => this.#now;
  readonly allocate = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(0xaa);
  readonly latin1 = latin1;

  setTimer(fn: () => void, ms: number): () => void {
    const id = this.#nextTimer++;
    this.#timers.set(id, { at: this.#now + ms, fn });
    return () => this.#timers.delete(id);
  }

  defer(fn: () => void): void {
    this.#deferred.push(fn);
  }

  /** One turn: all that was deferred before it. False where there was nothing. */
  turn(): boolean {
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const fn of deferred) fn();
    return deferred.length > 0;
  }

  /** Turns until nothing is left to do. */
  settle(most = 100_000): void {
    let turns = 0;
    while (this.turn()) if (++turns > most) throw new Error(`not at rest after ${most} turns`);
  }

  /** Moves time on, and runs the timers that come due in their order. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      this.settle();
      let next: number | undefined;
      for (const [id, { at }] of this.#timers) {
        if (at <= until && (next === undefined || at < (this.#timers.get(next)?.at ?? 0))) next = id;
      }
      if (next === undefined) break;
      const { at, fn } = this.#timers.get(next) ?? { at: until, fn: () => {} };
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, at);
      fn();
    }
    this.#now = until;
  }

  get timers(): number {
    return this.#timers.size;
  }
}

const nobody: PipeReceiver = { received: () => {}, written: () => {}, ended: () => {}, lost: () => {} };

/** One end. What it writes reaches the other one a turn later, cut as `cut` says. */
export class MemoryPipe implements BytePipe {
  receiver: PipeReceiver = nobody;
  readonly #loop: Loop;
  readonly #cut: (bytes: number) => number;
  #peer: MemoryPipe | undefined;
  #paused = false;
  #destroyed = false;
  readonly #inbox: (Uint8Array | 'end')[] = [];
  /** Everything that was written to this end. */
  sent = 0;
  /** How many times `write` was called. */
  writes = 0;
  /** Chunks are taken only while this is false. */
  stuck = false;
  #stuckWrite: readonly Uint8Array[] | undefined;

  constructor(loop: Loop, cut: (bytes: number) => number = (bytes) => bytes) {
    this.#loop = loop;
    this.#cut = cut;
  }

  meet(peer: MemoryPipe): void {
    this.#peer = peer;
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  write(chunks: readonly Uint8Array[]): void {
    this.writes++;
    if (this.stuck) {
      this.#stuckWrite = chunks;
      return;
    }
    this.#loop.defer(() => this.#deliver(chunks));
  }

  unstick(): void {
    this.stuck = false;
    const chunks = this.#stuckWrite;
    this.#stuckWrite = undefined;
    if (chunks !== undefined) this.#deliver(chunks);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#loop.defer(() => this.#drain());
  }

  end(): void {
    this.#loop.defer(() => this.#peer?.arrive('end'));
  }

  destroy(error?: Error): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#loop.defer(() => {
      this.receiver.lost(error);
      this.#peer?.destroy();
    });
  }

  arrive(what: Uint8Array | 'end'): void {
    if (this.#destroyed) return;
    this.#inbox.push(what);
    this.#drain();
  }

  #deliver(chunks: readonly Uint8Array[]): void {
    if (this.#destroyed) return;
    for (const chunk of chunks) {
      this.sent += chunk.length;
      for (let at = 0; at < chunk.length; ) {
        const to = Math.min(chunk.length, at + Math.max(1, this.#cut(chunk.length - at)));
        this.#peer?.arrive(chunk.slice(at, to));
        at = to;
      }
    }
    this.receiver.written();
  }

  #drain(): void {
    while (!this.#paused && this.#inbox.length > 0 && !this.#destroyed) {
      const what = this.#inbox.shift() as Uint8Array | 'end';
      if (what === 'end') this.receiver.ended();
      else this.receiver.received(what);
    }
  }
}

export function pipePair(loop: Loop, cut?: (bytes: number) => number): readonly [MemoryPipe, MemoryPipe] {
  const one = new MemoryPipe(loop, cut);
  const other = new MemoryPipe(loop, cut);
  one.meet(other);
  other.meet(one);
  return [one, other];
}

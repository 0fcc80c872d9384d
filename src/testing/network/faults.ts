/**
 * What goes wrong between a client and a node. What is a probability is drawn once for each attempt; what
 * is not, holds for each frame at the time it is sent, so a fault that is set during a call takes effect in it.
 */
import type { SeededRandom } from '../random.js';
import { checkLatency, type Latency, sample } from './latency.js';

export interface Faults {
  /** One way, each frame, ms. Default 0. */
  readonly latency?: Latency;
  /** How much later the node takes up each request, ms. Default 0. */
  readonly slow?: Latency;
  /** Probability that an attempt's request is lost: the handler never sees it, no error comes. */
  readonly dropRequest?: number;
  /** Probability that an attempt's response is lost: the handler runs, nothing comes back. */
  readonly dropResponse?: number;
  /** Probability that a request (not a stream of them) is delivered twice. The copy's answer goes nowhere. */
  readonly duplicate?: number;
  /** Holds a request or a response back, so that those of other calls overtake it. Drawn for each way. */
  readonly reorder?: { readonly probability: number /** ms */; readonly hold: Latency };
  /**
   * Breaks the connection instead of carrying the attempt's next frame after so many, counted both ways: UNAVAILABLE,
   * unknown whether executed. A unary call has the frames request, headers, message, status.
   */
  readonly resetAfter?: number | { readonly frames: number; readonly probability: number };
  /** The node accepts and never answers; frames in either direction vanish. Only a deadline ends such a call. */
  readonly halfOpen?: boolean;
  /** The node refuses to connect, always or with a probability: UNAVAILABLE, not executed. */
  readonly refuse?: boolean | number;
}

const names: Readonly<Record<keyof Faults, true>> = {
  latency: true,
  slow: true,
  dropRequest: true,
  dropResponse: true,
  duplicate: true,
  reorder: true,
  resetAfter: true,
  halfOpen: true,
  refuse: true,
};

/** Throws a TypeError or RangeError that names the fault that cannot be meant. */
export function checkFaults(faults: Faults): Faults {
  for (const name of Object.keys(faults)) {
    if (!Object.hasOwn(names, name)) {
      throw new TypeError(`there is no fault ${JSON.stringify(name)}; the faults are ${Object.keys(names).join(', ')}`);
    }
  }
  const { latency, slow, reorder, resetAfter, refuse } = faults;
  if (latency !== undefined) checkLatency('latency', latency);
  if (slow !== undefined) checkLatency('slow', slow);
  for (const name of ['dropRequest', 'dropResponse', 'duplicate'] as const) checkProbability(name, faults[name]);
  if (typeof refuse === 'number') checkProbability('refuse', refuse);
  if (reorder !== undefined) {
    checkProbability('reorder.probability', reorder.probability);
    checkLatency('reorder.hold', reorder.hold);
  }
  if (resetAfter !== undefined) {
    const { frames, probability } =
      typeof resetAfter === 'number' ? { frames: resetAfter, probability: 1 } : resetAfter;
    if (!Number.isInteger(frames) || frames < 0) {
      throw new RangeError(`resetAfter is a whole number of frames, 0 or more, not ${frames}`);
    }
    checkProbability('resetAfter.probability', probability);
  }
  return faults;
}

function checkProbability(name: string, value: number | undefined): void {
  if (value === undefined || (value >= 0 && value <= 1)) return;
  throw new RangeError(`${name} is a probability from 0 to 1, not ${value}`);
}

/** What was drawn for one attempt. */
export interface Fate {
  readonly refused: boolean;
  readonly requestLost: boolean;
  readonly responseLost: boolean;
  readonly duplicated: boolean;
  /** ms */
  readonly requestHeld: number;
  /** ms */
  readonly responseHeld: number;
  readonly resetAfter: number;
}

/** Each fault draws from a generator of its own: to set one leaves what the others do as it was. */
export function drawFate(faults: Faults, random: SeededRandom): Fate {
  const { refuse = false, reorder, resetAfter = Number.POSITIVE_INFINITY } = faults;
  const happens = (label: string, probability: number): boolean =>
    probability > 0 && random.fork(label).chance(probability);
  const held = (label: string): number => {
    if (reorder === undefined) return 0;
    const draws = random.fork(label);
    return draws.chance(reorder.probability) ? sample(reorder.hold, draws) : 0;
  };
  const reset = typeof resetAfter === 'number' ? { frames: resetAfter, probability: 1 } : resetAfter;
  return {
    refused: typeof refuse === 'boolean' ? refuse : happens('refuse', refuse),
    requestLost: happens('drop request', faults.dropRequest ?? 0),
    responseLost: happens('drop response', faults.dropResponse ?? 0),
    duplicated: happens('duplicate', faults.duplicate ?? 0),
    requestHeld: held('hold request'),
    responseHeld: held('hold response'),
    resetAfter: happens('reset', reset.probability) ? reset.frames : Number.POSITIVE_INFINITY,
  };
}

/** What calls have left behind: the last assertion of a test of anything that sets timers or listens to signals. */
import { getEventListeners } from 'node:events';
import { Call } from '../call/call.js';
import type { SeededNetwork } from './network/seeded-network.js';
import type { VirtualClock } from './virtual-clock.js';

export interface LeakSources {
  readonly clock?: VirtualClock;
  readonly network?: SeededNetwork;
  /** Signals that outlive the calls they were given to. */
  readonly signals?: readonly AbortSignal[];
  /** Calls that outlive others, such as the one that a handler serves, as an interceptor or a handler gets it. */
  readonly calls?: readonly Pick<Call, 'method'>[];
}

/**
 * A line for each thing that is left; none when nothing is. What is still on its way (a late frame, a cancel) counts:
 * `await clock.run()` first. Throws a TypeError for a call that is not one of the runtime's own.
 *
 * @example
 * expect(leaks({ clock, network, signals: [signal] })).toEqual([]);
 */
export function leaks({ clock, network, signals = [], calls = [] }: LeakSources): readonly string[] {
  const found: string[] = [];
  if (clock !== undefined && clock.timers > 0) {
    const [first] = clock.pending();
    const origin = first?.origin === undefined ? '' : `, set ${first.origin}`;
    found.push(`${clock.timers} timers, the first due at ${first?.due} ms${origin}`);
  }
  if (network !== undefined && network.inFlight > 0)
    found.push(`${network.inFlight} attempts in flight on the network`);
  for (const [i, signal] of signals.entries()) {
    const count = getEventListeners(signal, 'abort').length;
    if (count > 0) found.push(`${count} listeners on signal ${i}`);
  }
  for (const call of calls) {
    if (!(call instanceof Call)) throw new TypeError('leaks looks into calls as handlers and interceptors get them');
    if (call.abortListeners > 0) found.push(`${call.abortListeners} listeners on the call of ${call.method.path}`);
  }
  return found;
}

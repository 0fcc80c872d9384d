/**
 * What becomes of a subscriber that the log has left behind: what it asked for, else what it accepts. A gap goes before a
 * reset, unless there are keys, whose state a snapshot brings back whole.
 */
import type { Accepted } from './recovery.js';

export type Overflow = 'BY_ACCEPT' | 'GAP' | 'UNSUBSCRIBE' | 'DISCONNECT';

export function onOverflow(
  { overflow, accept }: { readonly overflow: Overflow; readonly accept: ReadonlySet<Accepted> },
  keyed: boolean,
): 'GAP' | 'RESET' | 'UNSUBSCRIBE' | 'DISCONNECT' | 'UNRECOVERABLE' {
  if (overflow !== 'BY_ACCEPT') return overflow;
  if (accept.has('GAP') && !(keyed && accept.has('RESET'))) return 'GAP';
  return accept.has('RESET') ? 'RESET' : 'UNRECOVERABLE';
}

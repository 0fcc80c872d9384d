/** What bounds refuse, counted for the whole process; telemetry reads along. A bound is named by the reason that its refusals carry. */

const counts = new Map<string, number>();
const listeners = new Set<(reason: string) => void>();

export function countRefusal(reason: string): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
  for (const listener of listeners) listener(reason);
}

/** How often a bound has refused something since the process began. */
export function refusals(reason: string): number {
  return counts.get(reason) ?? 0;
}

export function onRefusal(listener: (reason: string) => void): void {
  listeners.add(listener);
}

/** The port to the engine's heap: how much of it decoded messages may take by default. */
import { getHeapStatistics } from 'node:v8';

/** A quarter of what the heap may grow to. */
export function processBudget(): number {
  return Math.floor(getHeapStatistics().heap_size_limit / 4);
}

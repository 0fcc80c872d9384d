/** `hawser/testing`: time, chance and networks that a test controls. Works with any test runner. */
export type { Clock } from './call/clock.js';
export { type Random, systemRandom } from './call/random.js';
export { type SeededRandom, seededRandom } from './testing/random.js';
export { type PendingTimer, type RunLimits, VirtualClock, type VirtualClockOptions } from './testing/virtual-clock.js';

/** `hawser/testing`: time, chance and networks that a test controls. Works with any test runner. */
export type { Clock } from './call/clock.js';
export { type Random, systemRandom } from './call/random.js';
export {
  type ByteFaults,
  ThriftNetwork,
  type ThriftNetworkOptions,
  type ThriftNode,
} from './testing/bytes/thrift-network.js';
export { type LeakSources, leaks } from './testing/leaks.js';
export type { Faults } from './testing/network/faults.js';
export type { Latency } from './testing/network/latency.js';
export type { NetworkLog } from './testing/network/log.js';
export {
  type NetworkLink,
  type NetworkNode,
  type NetworkView,
  SeededNetwork,
  type SeededNetworkOptions,
} from './testing/network/seeded-network.js';
export { type FaultProxy, type FaultProxyOptions, faultProxy } from './testing/proxy/fault-proxy.js';
export type { Direction, ProxyFaults } from './testing/proxy/proxy-faults.js';
export { type SeededRandom, seededRandom } from './testing/random.js';
export { type PendingTimer, type RunLimits, VirtualClock, type VirtualClockOptions } from './testing/virtual-clock.js';

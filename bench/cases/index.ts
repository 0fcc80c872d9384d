/** All benches, in the order in which they run. */
import type { Bench } from '../harness/bench.js';
import { codec } from './codec.js';
import { idle } from './idle.js';
import { startup } from './startup.js';
import { bidi, stream } from './streams.js';
import { thrift } from './thrift.js';
import { unary } from './unary.js';

export const benches: readonly Bench[] = [unary, stream, bidi, thrift, codec, startup, idle];

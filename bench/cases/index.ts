/** All benches, in the order in which they run. */
import type { Bench } from '../harness/bench.js';
import { admission } from './admission.js';
import { codec } from './codec.js';
import { fanout, pingpong, ramp } from './feeds.js';
import { generate } from './generate.js';
import { hello } from './hello.js';
import { idle } from './idle.js';
import { keyed } from './keyed.js';
import { many } from './many.js';
import { policies } from './policies.js';
import { slow } from './slow-readers.js';
import { startup } from './startup.js';
import { bidi, stream } from './streams.js';
import { thrift } from './thrift.js';
import { tracing } from './tracing.js';
import { unary } from './unary.js';

export const benches: readonly Bench[] = [
  unary,
  stream,
  bidi,
  many,
  thrift,
  codec,
  startup,
  generate,
  idle,
  policies,
  keyed,
  hello,
  admission,
  tracing,
  fanout,
  pingpong,
  ramp,
  slow,
];

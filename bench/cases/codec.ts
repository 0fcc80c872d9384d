/**
 * Encoding and decoding one typical message, without a call around it. A process for each subject, so that none runs code
 * that another has made polymorphic.
 */
import { createRequire } from 'node:module';
import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import protobuf from 'protobufjs';
import * as own from '../gen/bench.js';
import { Trade as ThriftTrade } from '../gen/trade.js';
import type { Actor } from '../harness/actor.js';
import { type Bench, interleave } from '../harness/bench.js';
import type { Remote } from '../harness/remote.js';
import { registry } from '../subjects/connect-node.js';
import { npm } from '../subjects/thrift.js';

interface Coder {
  encode(): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

const sequence = 9_007_199_254_740_993n;
const dateTime = { year: 2026, month: 11, day: 21, hour: 8, minute: 4, second: 50, micros: 250_000 };
const tags = { grade: 'A', vessel: 'F/V Northern Light', quota: 'ifq-2026-0042' };
const plain = {
  fish: 'halibut',
  price: 12.75,
  pounds: 350,
  market: 3,
  settled: true,
  parties: ['north-pier-fishing', 'Ljómi seafood'],
};

/** The messages of `bench.proto`, as protobufjs reads them. */
const protoText = `syntax = "proto3"; package bench.v1;
message TimeStamp { int32 year = 1; int32 month = 2; int32 day = 3; int32 hour = 4; int32 minute = 5; int32 second = 6; int32 micros = 7; }
message Trade { string fish = 1; double price = 2; int32 pounds = 3; TimeStamp date_time = 4; int32 market = 5; int64 sequence = 6;
  bool settled = 7; repeated string parties = 8; map<string, string> tags = 9; }`;

/** protobufjs reads 64-bit numbers as Long where that is installed; its types do not say how one is made. */
function longOf(value: bigint): unknown {
  const long = protobuf.util.Long as unknown as { fromString(text: string): unknown } | null;
  return long?.fromString(String(value)) ?? Number(value);
}

interface NpmStruct {
  write(protocol: object): void;
  read(protocol: object): void;
}
type NpmTypes = Readonly<Record<'Trade' | 'TimeStamp', new (fields?: object) => NpmStruct>>;

function npmCoder(wire: string): Coder {
  const types = createRequire(import.meta.url)('../gen/npm-thrift/trade_types.cjs') as NpmTypes;
  const Protocol = wire === 'compact' ? npm.TCompactProtocol : npm.TBinaryProtocol;
  const number = new npm.Int64(0x200000, 1);
  const trade = new types.Trade({ ...plain, date_time: new types.TimeStamp(dateTime), sequence: number, tags });
  let sent: Buffer = Buffer.alloc(0);
  return {
    encode() {
      const transport = new npm.TFramedTransport(undefined, (bytes) => {
        sent = bytes;
      });
      trade.write(new Protocol(transport));
      transport.flush();
      return sent.subarray(4);
    },
    decode(bytes) {
      const read = new types.Trade();
      read.read(new Protocol(new npm.TFramedTransport(bytes as Buffer)));
      return read;
    },
  };
}

const coders: Readonly<Record<string, (wire: string) => Coder>> = {
  hawser(wire) {
    if (wire === 'proto') {
      const trade = own.Trade.create({ ...plain, dateTime, sequence, tags });
      return { encode: () => own.Trade.encode(trade), decode: (bytes) => own.Trade.decode(bytes) };
    }
    const encoding = wire as 'binary' | 'compact';
    const trade = ThriftTrade.create({ ...plain, dateTime, sequence, tags: new Map(Object.entries(tags)) });
    return {
      encode: () => ThriftTrade.encode(trade, encoding),
      decode: (bytes) => ThriftTrade.decode(bytes, encoding),
    };
  },
  thrift: npmCoder,
  protobufjs() {
    const type = protobuf.parse(protoText).root.lookupType('bench.v1.Trade');
    const number = longOf(sequence);
    const trade = type.create({ ...plain, dateTime, sequence: number, tags });
    return { encode: () => type.encode(trade).finish(), decode: (bytes) => type.decode(bytes) };
  },
  'protobuf-es'() {
    const type = registry.getMessage('bench.v1.Trade') as DescMessage;
    const trade = create(type, { ...plain, dateTime, sequence, tags } as never);
    return { encode: () => toBinary(type, trade), decode: (bytes) => fromBinary(type, bytes) };
  },
};

const wires: Readonly<Record<string, string>> = {
  proto: 'proto',
  'thrift-binary': 'binary',
  'thrift-compact': 'compact',
};

/** The process of one subject. */
export function codecActor({ subject, wire }: { subject: string; wire: string }): Actor {
  const coder = coders[subject]?.(wire);
  if (coder === undefined) throw new Error(`there is no codec ${subject}`);
  const bytes = Buffer.from(coder.encode());
  coder.decode(bytes);
  return {
    /** The bytes, so that all can be seen to write the same. */
    bytes: () => bytes.toString('hex'),
    /** Microseconds of one. */
    time({ what, seconds }: { what: 'encode' | 'decode'; seconds: number }): number {
      const once = what === 'encode' ? () => coder.encode() : () => coder.decode(bytes);
      const started = process.hrtime.bigint();
      const until = started + BigInt(Math.round(seconds * 1e9));
      let done = 0;
      let now = started;
      for (; now < until; now = process.hrtime.bigint()) {
        for (let i = 0; i < 500; i++) once();
        done += 500;
      }
      return Number(now - started) / done / 1_000;
    },
  };
}

const subjectsOf = (name: string, subjects: readonly string[]): readonly string[] => {
  const able = name === 'proto' ? ['hawser', 'protobufjs', 'protobuf-es'] : ['hawser', 'thrift'];
  return subjects.filter((one) => able.includes(one));
};

export const codec: Bench = {
  name: 'codec',
  title: 'encoding and decoding a typical message: protobuf, Thrift binary and compact',
  cases: Object.keys(wires),
  mustHold: ['thrift-binary', 'thrift-compact'],
  subjects: ['hawser', 'protobufjs', 'protobuf-es', 'thrift'],
  estimate: (plan) =>
    plan.cases.reduce(
      (sum, name) => sum + subjectsOf(name, plan.subjects).length * (2 + roundsOf(plan.runs) * (plan.seconds + 0.02)),
      0,
    ),
  async run(plan) {
    for (const name of plan.cases) {
      const wire = wires[name] ?? '';
      const remotes = new Map<string, Remote>();
      const written = new Map<string, string>();
      await interleave(plan, name, subjectsOf(name, plan.subjects), roundsOf(plan.runs), async (subject, run) => {
        let remote = remotes.get(subject);
        if (remote === undefined) {
          remote = await plan.spawn(`codec of ${subject}`, import.meta.filename, codecActor, { subject, wire });
          remotes.set(subject, remote);
          written.set(subject, await remote.ask<string>('bytes'));
          const other = written.get('hawser') ?? written.get(subject);
          if (other?.length !== written.get(subject)?.length) {
            throw new Error(`it writes ${written.get(subject)}, and hawser ${other}`);
          }
          for (const what of ['encode', 'decode']) await remote.ask('time', { what, seconds: plan.warmUp });
        }
        const seconds = plan.seconds / 2;
        const encode = await remote.ask<number>('time', { what: 'encode', seconds });
        const decode = await remote.ask<number>('time', { what: 'decode', seconds });
        plan.record(name, subject, 'round_trips_per_s', '1/s', run, 1e6 / (encode + decode));
        plan.record(name, subject, 'encode_us', 'us', run, encode);
        plan.record(name, subject, 'decode_us', 'us', run, decode);
      });
      for (const remote of remotes.values()) remote.kill();
    }
  },
};

/** Short measurements of one process: more of them, since they cost little. */
const roundsOf = (runs: number): number => (runs > 1 ? runs + 2 : runs);

/**
 * Encode and decode of one typical struct, against npm thrift with the calls its generator emits.
 * Rounds of both alternate and the medians are compared, so that a busy machine slows both alike.
 *
 *     npx tsx --conditions=hawser-source bench/thrift-codec.ts
 */
import { Trade } from './thrift-trade.js';
import { NpmTimeStamp, NpmTrade, npm } from './thrift-trade-npm.js';

const rounds = 15;
const perRound = 40_000;

const trade: Trade = {
  fish: 'halibut',
  price: 12.75,
  pounds: 350,
  dateTime: { year: 2026, month: 11, day: 21, hour: 8, minute: 4, second: 50, micros: 250_000 },
  market: 3,
  sequence: 9_007_199_254_740_993n,
  settled: true,
  parties: ['north-pier-fishing', 'Ljómi seafood'],
  tags: new Map([
    ['grade', 'A'],
    ['vessel', 'F/V Northern Light'],
    ['quota', 'ifq-2026-0042'],
  ]),
};

const npmTrade = new NpmTrade();
npmTrade.fish = trade.fish;
npmTrade.price = trade.price;
npmTrade.pounds = trade.pounds;
npmTrade.date_time = Object.assign(new NpmTimeStamp(), trade.dateTime);
npmTrade.market = trade.market;
npmTrade.sequence = new npm.Int64(0x200000, 1);
npmTrade.settled = true;
npmTrade.parties = trade.parties;
npmTrade.tags = Object.fromEntries(trade.tags);

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] as number;
}

function time(body: () => void): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < perRound; i++) body();
  return Number(process.hrtime.bigint() - start) / perRound / 1000;
}

for (const encoding of ['binary', 'compact'] as const) {
  const Protocol = encoding === 'binary' ? npm.TBinaryProtocol : npm.TCompactProtocol;
  let sent: Buffer = Buffer.alloc(0);
  const npmEncode = (): Buffer => {
    const transport = new npm.TFramedTransport(undefined, (bytes: Buffer) => {
      sent = bytes;
    });
    npmTrade.write(new Protocol(transport));
    transport.flush();
    return sent.subarray(4);
  };
  const npmDecode = (frame: Buffer): NpmTrade => {
    const value = new NpmTrade();
    value.read(new Protocol(new npm.TFramedTransport(frame)));
    return value;
  };
  const frame = Buffer.from(Trade.encode(trade, encoding));
  if (!frame.equals(npmEncode())) throw new Error(`the two disagree on the bytes of the trade in ${encoding}`);
  const times: Record<string, number[]> = { encode: [], decode: [], 'npm encode': [], 'npm decode': [] };
  for (let round = 0; round < rounds + 3; round++) {
    const one = {
      encode: time(() => Trade.encode(trade, encoding)),
      'npm encode': time(npmEncode),
      decode: time(() => Trade.decode(frame, encoding)),
      'npm decode': time(() => npmDecode(frame)),
    };
    if (round < 3) continue;
    for (const [name, value] of Object.entries(one)) times[name]?.push(value);
  }
  const us = Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]));
  const ratio = (name: string): string => ((us[`npm ${name}`] ?? 0) / (us[name] ?? 1)).toFixed(2);
  const both = ((us['npm encode'] ?? 0) + (us['npm decode'] ?? 0)) / ((us.encode ?? 0) + (us.decode ?? 0));
  console.log(`${encoding}: ${frame.length} bytes`);
  for (const name of ['encode', 'decode']) {
    console.log(`  ${name}  ${us[name]?.toFixed(2)} us, npm ${us[`npm ${name}`]?.toFixed(2)} us: ${ratio(name)}x`);
  }
  console.log(`  round trip  ${both.toFixed(2)}x`);
}

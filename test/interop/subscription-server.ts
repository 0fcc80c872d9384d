/**
 * A server to be killed: publishes to a topic of either IDL, kept in an SQLite file, and prints what was acknowledged.
 * usage: subscription-server.ts FILE GRPC THRIFT
 */
import { createServer } from 'hawser';
import { sqliteStore } from 'hawser/sqlite';
import { Quotes } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { topicStream } from '../../src/contract/method.js';
import { defineService } from '../../src/contract/service.js';

const [file = '', grpcAddress = '', thriftAddress = ''] = process.argv.slice(2);
const policy = { topic: { key: 'fish', mode: 'EVERY', recovery: 'PRECISE', durability: 'PROCESS' } } as const;

const OverGrpc = defineService({
  name: 'test.GrpcQuotes',
  idl: 'proto',
  fingerprint: '',
  methods: { prices: topicStream({ ...Quotes.methods.prices, policy, topicKey: 'fish' }) },
});
const OverThrift = defineService({
  name: 'test.ThriftQuotes',
  idl: 'thrift',
  fingerprint: '',
  methods: { prices: topicStream({ ...thrift.Quotes.methods.prices, policy, topicKey: 'fish' }) },
});

const store = sqliteStore(file);
const server = createServer({ store, health: false, reflection: false }).add(OverGrpc, {}).add(OverThrift, {});
const bound = await server.listen({ grpc: grpcAddress, thrift: thriftAddress });
console.log(JSON.stringify(bound));

const overGrpc = server.topic(OverGrpc.methods.prices);
const overThrift = server.topic(OverThrift.methods.prices);
const fish = ['cod', 'eel', 'hake'];

/** The value is the number that the update gets, so a reader sees whether it has the right one. */
async function publish(name: string, topic: typeof overGrpc | typeof overThrift): Promise<void> {
  for (;;) {
    const next = topic.head.seq + 1;
    const { seq } = await topic.publish({ fish: fish[next % 3] as string, price: next, market: 1, seq: BigInt(next) });
    console.log(JSON.stringify({ topic: name, seq }));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

await Promise.all([publish('grpc', overGrpc), publish('thrift', overThrift)]);

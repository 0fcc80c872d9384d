/** The same topics of fish in either IDL, served over a wire out of a store, with a client: for what must not depend on any of these. */
import { onTestFinished } from 'vitest';
import { Quotes } from '../../gen/market.js';
import { silentLogger } from '../../src/call/logger.js';
import { createClient } from '../../src/client/create-client.js';
import type { Codec } from '../../src/contract/codec.js';
import { topicStream } from '../../src/contract/method.js';
import type { TopicPolicy } from '../../src/contract/policy.js';
import { defineService, type ServiceType } from '../../src/contract/service.js';
import { createServer } from '../../src/server/create-server.js';
import { sqliteStore } from '../../src/stores/sqlite/sqlite-store.js';
import { type Price, Prices } from './prices.js';
import { scratchFolder } from './scratch.js';

export type Idl = 'proto' | 'thrift';
export type Kept = 'memory' | 'sqlite';

/** A topic of prices; its keys are the fish where `topic` says so. */
export function fishTopic(idl: Idl, name: string, topic: TopicPolicy) {
  const { request, response } = (idl === 'proto' ? Prices.methods.watch : Quotes.methods.prices) as unknown as {
    readonly request: Codec<object>;
    readonly response: Codec<Price>;
  };
  const spec = { name, request, response, policy: { topic } };
  return topicStream<{ keys?: string[] }, Price>(topic.key === undefined ? spec : { ...spec, topicKey: topic.key });
}

type Methods = Readonly<Record<string, ReturnType<typeof fishTopic>>>;

/** `methods` makes the topics, which are those of both services. */
export function fishServices<M extends Methods>(name: string, methods: (idl: Idl) => M) {
  const service = (idl: Idl) => defineService({ name, idl, fingerprint: '', methods: methods(idl) });
  return { grpc: service('proto'), thrift: service('thrift') };
}

/** Closed when the test is finished. */
export async function serveFish<S extends ServiceType>(
  services: Readonly<Record<'grpc' | 'thrift', S>>,
  wire: 'grpc' | 'thrift',
  kept: Kept,
) {
  const folder = scratchFolder('fish');
  const options = kept === 'sqlite' ? { store: sqliteStore(`${folder.path}/topics.db`) } : {};
  const service = services[wire];
  const server = createServer({ logger: silentLogger, health: false, ...options }).add(service, {} as never);
  const bound = (await server.listen({ [wire]: '127.0.0.1:0' })) as Record<typeof wire, string>;
  const client = createClient(service, `${wire}://${bound[wire]}`, { logger: silentLogger });
  onTestFinished(async () => {
    await client.$close();
    await server.close({ grace: 0 });
    folder.remove();
  });
  return { server, client, service };
}

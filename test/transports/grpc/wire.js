/**
 * Hawser and raw grpc-js ends of a connection, closed by the test's end. The Hawser ends are the
 * transport with the pipeline's own interceptors around it, put together here so that nothing but gRPC is loaded.
 */
import * as grpc from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { Call } from '../../../src/call/call.js';
import { systemClock } from '../../../src/call/clock.js';
import { Deadline } from '../../../src/call/deadline.js';
import { clientStages, compose, serverStages } from '../../../src/call/interceptor.js';
import { silentLogger } from '../../../src/call/logger.js';
import { invokeStream, invokeUnary } from '../../../src/client/invoke.js';
import { streamsResponse } from '../../../src/contract/method.js';
import { clientCodec, serverCodec } from '../../../src/interceptors/codec.js';
import { clientDeadline, serverDeadline } from '../../../src/interceptors/deadline.js';
import { failure } from '../../../src/interceptors/failure.js';
import { bindHandlers } from '../../../src/server/handlers.js';
import { grpcTransport } from '../../../src/transports/grpc/client.js';
import { listenGrpc } from '../../../src/transports/grpc/server.js';
import { Notes, note, noteCodec } from './note.js';
/** Handlers that a test replaces what it needs of. */
export const echoing = {
  echo: async (request) => request,
  async *list(request) {
    for (let i = 1; i <= request.number; i++) yield note(request.text, i);
  },
  collect: async (requests) => {
    let sum = 0;
    for await (const request of requests) sum += request.number;
    return note('sum', sum);
  },
  async *chat(requests) {
    for await (const request of requests) yield request;
  },
};
/** What a server makes of services and handlers. */
export function dispatcher(services, logger = silentLogger) {
  const stages = [
    { stage: 'transport', side: 0, interceptor: failure(logger) },
    { stage: 'deadline', side: 0, interceptor: serverDeadline(systemClock) },
    { stage: 'decode', side: 0, interceptor: serverCodec },
  ];
  const routes = new Map();
  for (const [service, handlers] of services) {
    const bound = bindHandlers(service, handlers);
    for (const method of Object.values(service.methods)) {
      const innermost = bound.get(method.localName);
      if (innermost !== undefined)
        routes.set(method.path, { method, handle: compose(serverStages, method, stages, innermost) });
    }
  }
  return {
    services: services.map(([service]) => service),
    find: (path) => routes.get(path),
    logger,
    clock: systemClock,
  };
}
export async function serve(handlers = {}, options = {}) {
  const listener = await listenGrpc(dispatcher([[Notes, { ...echoing, ...handlers }]], options.logger), {
    address: '127.0.0.1:0',
    ...options,
  });
  onTestFinished(() => listener.close(0));
  return listener;
}
export function transport(address, options = {}) {
  const made = grpcTransport({ address, ...options });
  onTestFinished(() => made.close(0));
  return made;
}
/** A typed client over a transport. */
export function clientOf(service, over) {
  const stages = [
    { stage: 'deadline', side: 0, interceptor: clientDeadline(systemClock, undefined) },
    { stage: 'encode', side: 0, interceptor: clientCodec },
  ];
  const client = {};
  for (const [localName, method] of Object.entries(service.methods)) {
    const handler = compose(clientStages, method, stages, over.bind(method));
    const invoke = streamsResponse(method.kind) ? invokeStream : invokeUnary;
    client[localName] = (request, options) =>
      invoke({ method, handler, encoding: over.encoding, headers: undefined }, request, options);
  }
  return client;
}
export function connect(address, options = {}) {
  return clientOf(Notes, transport(address, options));
}
export async function pair(handlers = {}, options = {}) {
  const listener = await serve(handlers, options.server);
  return { client: connect(listener.address, options.client), listener, address: listener.address };
}
const serialize = (value) => Buffer.from(noteCodec.encode(value, 'proto'));
const deserialize = (bytes) => noteCodec.decode(bytes, 'proto');
function definition(name, requestStream, responseStream) {
  return {
    path: `/${Notes.name}/${name}`,
    requestStream,
    responseStream,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  };
}
export const RawNotes = {
  echo: definition('Echo', false, false),
  list: definition('List', false, true),
  collect: definition('Collect', true, false),
  chat: definition('Chat', true, true),
};
const RawNotesClient = grpc.makeGenericClientConstructor(RawNotes, 'Notes');
export function rawClient(address, options = {}) {
  const client = new RawNotesClient(address, grpc.credentials.createInsecure(), options);
  onTestFinished(() => client.close());
  return client;
}
/** A unary call that resolves either way. */
export function rawEcho(client, request, metadata = new grpc.Metadata(), options = {}) {
  return new Promise((resolve) => {
    client.echo(request, metadata, options, (error, response) => resolve({ error, response }));
  });
}
export async function rawServer(handlers, options = {}) {
  const server = new grpc.Server(options);
  server.addService(RawNotes, handlers);
  const port = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  onTestFinished(() => server.forceShutdown());
  return { server, address: `127.0.0.1:${port}` };
}
/** A client call without the client's pipeline: what a transport alone does. */
export function attempt(method, request, { headers, timeout } = {}) {
  const call = new Call({
    method,
    side: 'client',
    encoding: 'proto',
    request,
    ...(headers === undefined ? {} : { headers }),
  });
  if (timeout !== undefined) call.deadline = Deadline.after(timeout, systemClock);
  return call;
}
/** Everything that a stream delivers, and the error that ended it. */
export async function drain(stream) {
  const items = [];
  try {
    for await (const item of stream) items.push(item);
    return { items, error: undefined };
  } catch (error) {
    return { items, error };
  }
}

/**
 * Hawser and raw grpc-js ends of a connection, closed by the test's end. The Hawser ends are the
 * transport with the pipeline's own interceptors around it, put together here so that nothing but gRPC is loaded.
 */
import * as grpc from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { Call, type CallOptions } from '../../../src/call/call.js';
import { systemClock } from '../../../src/call/clock.js';
import { Deadline } from '../../../src/call/deadline.js';
import type { HeaderMap } from '../../../src/call/headers.js';
import { clientStages, compose, type Interceptor, type Staged, serverStages } from '../../../src/call/interceptor.js';
import { type Logger, silentLogger } from '../../../src/call/logger.js';
import { type Disposition, RpcError } from '../../../src/call/rpc-error.js';
import type { ClientTransport, Dispatcher, Listener, Route } from '../../../src/call/transport.js';
import { invokeStream, invokeUnary } from '../../../src/client/invoke.js';
import type { Client } from '../../../src/client/types.js';
import { type MethodType, streamsResponse } from '../../../src/contract/method.js';
import type { ServiceType } from '../../../src/contract/service.js';
import { clientCodec, serverCodec } from '../../../src/interceptors/codec.js';
import { failed, failure } from '../../../src/interceptors/failure.js';
import { bindHandlers, type Handlers } from '../../../src/server/handlers.js';
import { type GrpcClientOptions, grpcTransport } from '../../../src/transports/grpc/client.js';
import { listenGrpc } from '../../../src/transports/grpc/server.js';
import type { GrpcServerOptions } from '../../../src/transports/grpc/server-options.js';
import type { ClientTls, ServerTls } from '../../../src/transports/tls.js';
import { type Note, Notes, note, noteCodec } from './note.js';

export type NotesHandlers = Handlers<typeof Notes>;
export type NotesClient = Client<typeof Notes>;

/** Handlers that a test replaces what it needs of. */
export const echoing: NotesHandlers = {
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

/** Aborts a call at its deadline, on either side: whoever runs a transport does that, not the transport. */
const armed: Interceptor = (_method, next) => async (call) => {
  const { timeout } = call.options;
  if (typeof timeout === 'number') call.deadline = Deadline.after(timeout, systemClock);
  const left = call.deadline?.remaining();
  if (left === undefined) return next(call);
  const disposition = (): Disposition =>
    call.side === 'client' ? 'unknown' : call.handlerStarted ? 'executed' : 'not-executed';
  const abort = (): void =>
    call.abort(new RpcError('DEADLINE_EXCEEDED', 'the deadline passed', { disposition: disposition() }));
  if (left <= 0) throw new RpcError('DEADLINE_EXCEEDED', 'it had passed', { disposition: 'not-executed' });
  call.onFinish(systemClock.setTimer(abort, left));
  return next(call);
};

/** What a server makes of services and handlers. */
export function dispatcher<S extends ServiceType>(
  services: readonly (readonly [S, Handlers<S>])[],
  logger: Logger = silentLogger,
): Dispatcher {
  const stages: Staged[] = [
    { stage: 'transport', side: 0, interceptor: failure(logger, false) },
    { stage: 'deadline', side: 0, interceptor: armed },
    { stage: 'decode', side: 0, interceptor: serverCodec },
  ];
  const routes = new Map<string, Route>();
  for (const [service, handlers] of services) {
    const bound = bindHandlers(service, handlers);
    for (const method of Object.values<MethodType>(service.methods)) {
      const innermost = bound.get(method.localName);
      if (innermost !== undefined)
        routes.set(method.path, {
          method,
          handle: compose(serverStages, method, stages, innermost),
          failed: failed(logger),
        });
    }
  }
  return {
    services: services.map(([service]) => service),
    find: (path) => routes.get(path),
    logger,
    clock: systemClock,
  };
}

export interface ServeOptions extends GrpcServerOptions {
  readonly address?: string;
  readonly tls?: ServerTls;
  readonly logger?: Logger;
}

export async function serve(handlers: Partial<NotesHandlers> = {}, options: ServeOptions = {}): Promise<Listener> {
  const listener = await listenGrpc(dispatcher([[Notes, { ...echoing, ...handlers }]], options.logger), {
    address: '127.0.0.1:0',
    ...options,
  });
  onTestFinished(() => listener.close(0));
  return listener;
}

export type ConnectOptions = GrpcClientOptions & { readonly tls?: ClientTls };

export function transport(address: string, options: ConnectOptions = {}): ClientTransport {
  const made = grpcTransport({ address, ...options });
  onTestFinished(() => made.close(0));
  return made;
}

/** A typed client over a transport. */
export function clientOf<S extends ServiceType>(service: S, over: ClientTransport): Client<S> {
  const stages: Staged[] = [
    { stage: 'deadline', side: 0, interceptor: armed },
    { stage: 'encode', side: 0, interceptor: clientCodec },
  ];
  const client: Record<string, unknown> = {};
  for (const [localName, method] of Object.entries<MethodType>(service.methods)) {
    const handler = compose(clientStages, method, stages, over.bind(method));
    const invoke = streamsResponse(method.kind) ? invokeStream : invokeUnary;
    client[localName] = (request: unknown, options?: CallOptions) =>
      invoke({ method, handler, encoding: over.encoding, headers: undefined }, request, options);
  }
  return client as Client<S>;
}

export function connect(address: string, options: ConnectOptions = {}): NotesClient {
  return clientOf(Notes, transport(address, options));
}

export async function pair(
  handlers: Partial<NotesHandlers> = {},
  options: { readonly server?: ServeOptions; readonly client?: ConnectOptions } = {},
): Promise<{ client: NotesClient; listener: Listener; address: string }> {
  const listener = await serve(handlers, options.server);
  return { client: connect(listener.address, options.client), listener, address: listener.address };
}

const serialize = (value: Note): Buffer => Buffer.from(noteCodec.encode(value, 'proto'));
const deserialize = (bytes: Buffer): Note => noteCodec.decode(bytes, 'proto');

function definition(name: string, requestStream: boolean, responseStream: boolean) {
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

export interface RawClient extends grpc.Client {
  echo(
    request: Note,
    metadata: grpc.Metadata,
    options: Partial<grpc.CallOptions>,
    callback: (error: grpc.ServiceError | null, response?: Note) => void,
  ): grpc.ClientUnaryCall;
  list(request: Note, metadata?: grpc.Metadata, options?: Partial<grpc.CallOptions>): grpc.ClientReadableStream<Note>;
  collect(callback: (error: grpc.ServiceError | null, response?: Note) => void): grpc.ClientWritableStream<Note>;
  chat(metadata?: grpc.Metadata): grpc.ClientDuplexStream<Note, Note>;
}

const RawNotesClient = grpc.makeGenericClientConstructor(RawNotes, 'Notes');

export function rawClient(address: string, options: grpc.ChannelOptions = {}): RawClient {
  const client = new RawNotesClient(address, grpc.credentials.createInsecure(), options) as unknown as RawClient;
  onTestFinished(() => client.close());
  return client;
}

/** A unary call that resolves either way. */
export function rawEcho(
  client: RawClient,
  request: Note,
  metadata = new grpc.Metadata(),
  options: Partial<grpc.CallOptions> = {},
): Promise<{ error: grpc.ServiceError | null; response: Note | undefined }> {
  return new Promise((resolve) => {
    client.echo(request, metadata, options, (error, response) => resolve({ error, response }));
  });
}

export async function rawServer(
  handlers: grpc.UntypedServiceImplementation,
  options: grpc.ServerOptions = {},
): Promise<{ server: grpc.Server; address: string }> {
  const server = new grpc.Server(options);
  server.addService(RawNotes, handlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  onTestFinished(() => server.forceShutdown());
  return { server, address: `127.0.0.1:${port}` };
}

/** A client call without the client's pipeline: what a transport alone does. */
export function attempt(
  method: MethodType,
  request: unknown,
  { headers, timeout }: { headers?: HeaderMap; timeout?: number } = {},
): Call {
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
export async function drain<T>(stream: AsyncIterable<T>): Promise<{ items: T[]; error: unknown }> {
  const items: T[] = [];
  try {
    for await (const item of stream) items.push(item);
    return { items, error: undefined };
  } catch (error) {
    return { items, error };
  }
}

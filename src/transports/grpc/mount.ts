/**
 * Services of ours on a grpc-js server, ours or the user's own: every method is registered with codecs that
 * pass bytes through, so that what runs before decoding sees them and nothing is decoded twice.
 */
import type { Server, UntypedHandleCall } from '@grpc/grpc-js';
import type { Dispatcher, Route } from '../../call/transport.js';
import type { MethodKind, MethodType } from '../../contract/method.js';
import type { Serving } from './accept.js';
import type { Outgoing } from './compression.js';
import { serveBidi, serveClientStream, serveServerStream } from './serve-stream.js';
import { serveUnary } from './serve-unary.js';

/** grpc-js names of the kinds. */
const types: Readonly<Partial<Record<MethodKind, string>>> = {
  unary: 'unary',
  server: 'serverStream',
  client: 'clientStream',
  bidi: 'bidi',
};

/**
 * Serves the dispatcher's proto services on a grpc-js server that is the user's own, beside what
 * it serves already. The user binds and shuts it down. Throws an Error when a method's path is
 * taken; then none is registered.
 *
 * Limits, TLS and keepalive are that server's. grpc-js reads deadlines itself here, so one
 * longer than 24.8 days arrives as passed, and responses are not compressed.
 */
export function mountGrpc(server: Server, dispatcher: Dispatcher): void {
  register(server, {
    dispatcher,
    calls: new Set(),
    address: () => 'unknown',
    notes: false,
    maxSendBytes: Number.POSITIVE_INFINITY,
  });
}

export function register(server: Server, serving: Serving): void {
  const registered: string[] = [];
  for (const service of serving.dispatcher.services) {
    if (service.idl !== 'proto') continue;
    for (const { path, kind } of Object.values<MethodType>(service.methods)) {
      const route = serving.dispatcher.find(path);
      const type = types[kind];
      if (route === undefined || type === undefined) continue;
      // The codecs' declared type is Buffer; a message that is compressed only acts like one.
      const serialize = (message: Outgoing): Buffer => message as Buffer;
      if (!server.register(path, handlerOf(serving, route), serialize, (bytes: Buffer) => bytes, type)) {
        for (const other of registered) server.unregister(other);
        throw new Error(`the grpc-js server has a handler for ${path} already; mount a service once`);
      }
      registered.push(path);
    }
  }
}

function handlerOf(serving: Serving, route: Route): UntypedHandleCall {
  switch (route.method.kind) {
    case 'server':
      return serveServerStream(serving, route);
    case 'client':
      return serveClientStream(serving, route);
    case 'bidi':
      return serveBidi(serving, route);
    default:
      return serveUnary(serving, route);
  }
}

/**
 * Services of ours on a grpc-js server, ours or the user's own: every method is registered with codecs that
 * pass bytes through, so that what runs before decoding sees them and nothing is decoded twice.
 */

import type { Server, ServerDuplexStream, UntypedHandleCall } from '@grpc/grpc-js';
import { InFlight } from '../../call/in-flight.js';
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import { detailsHeader, dispositionHeader, encodeStatus } from '../../call/status.js';
import type { Dispatcher, Route } from '../../call/transport.js';
import { codeNumber } from '../../contract/code.js';
import type { MethodKind, MethodType } from '../../contract/method.js';
import type { Serving } from './accept.js';
import type { Outgoing } from './compression.js';
import { asBuffer, noteHeader, textOf } from './metadata.js';
import { learnMetadata, newMetadata } from './new-metadata.js';
import { takeNotes } from './request-headers.js';
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
 * Limits, TLS and keepalive are that server's, and responses are not compressed.
 */
export function mountGrpc(server: Server, dispatcher: Dispatcher): void {
  const serving: Serving = {
    dispatcher,
    calls: new InFlight(),
    address: () => 'unknown',
    notes: false,
    maxSendBytes: Number.POSITIVE_INFINITY,
    direct: false,
  };
  const paths = register(server, serving);
  serving.notes = takeNotes(server, { ours: (path) => paths.has(path), gzip: false });
}

/** Where a listener of ours sends calls of methods that it does not have. No name in an IDL has a hyphen. */
export const unimplementedPath = '/hawser-unimplemented/call';
/** Where it sends calls with too many headers. */
export const oversizedPath = '/hawser-oversized/call';

/** Answers both; grpc-js's own answer says nothing on whether something ran. */
export function registerRefusals(server: Server, maxHeaderBytes: number): void {
  refuse(server, unimplementedPath, (note) => {
    const path = note?.slice(0, 200) ?? 'of this name';
    return ownError('UNKNOWN_METHOD', `the server has no method ${path}`);
  });
  refuse(server, oversizedPath, (bytes) => {
    const sentence = `the headers of the call have ${bytes} bytes; the limit is ${maxHeaderBytes} (grpc.maxHeaderBytes)`;
    return ownError('HEADERS_TOO_LARGE', sentence);
  });
}

function refuse(server: Server, path: string, errorOf: (note: string | undefined) => RpcError): void {
  const answer = (rpc: ServerDuplexStream<Buffer, Buffer>): void => {
    const error = errorOf(textOf(rpc.metadata, noteHeader));
    learnMetadata(rpc.metadata);
    const metadata = newMetadata();
    metadata.set(dispositionHeader, 'not-executed');
    metadata.set(detailsHeader, asBuffer(encodeStatus(error)));
    rpc.emit('error', { code: codeNumber(error.code), details: error.message, metadata });
  };
  const asIs = (bytes: Buffer): Buffer => bytes;
  server.register(path, answer, asIs, asIs, 'bidi');
}

/** The paths that are served now. Throws an Error when one is taken; then none is registered. */
export function register(server: Server, serving: Serving): ReadonlySet<string> {
  const registered = new Set<string>();
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
      registered.add(path);
    }
  }
  return registered;
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

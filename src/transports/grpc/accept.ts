/**
 * From a grpc-js server call to a Call of ours. What most handlers never look at (headers, peer,
 * certificate) is read on first use.
 */
import type { PeerCertificate as TlsCertificate } from 'node:tls';
import type { Metadata, ServerUnaryCall, StatusObject } from '@grpc/grpc-js';
import { Call } from '../../call/call.js';
import { Deadline } from '../../call/deadline.js';
import type { InFlight } from '../../call/in-flight.js';
import { ownError } from '../../call/own-error.js';
import type { Peer, PeerCertificate } from '../../call/peer.js';
import { RpcError } from '../../call/rpc-error.js';
import type { Dispatcher, Route } from '../../call/transport.js';
import { readCertificate } from '../certificate.js';
import { type CallStatus, trailersOf } from './failed-status.js';
import { headersOf, metadataOf } from './metadata.js';
import { learnMetadata, newMetadata } from './new-metadata.js';
import { noteOf, type RequestNote } from './request-headers.js';

/** What calls of every kind have in common. */
export type ServerRpc = Pick<
  ServerUnaryCall<unknown, unknown>,
  'metadata' | 'getPeer' | 'getDeadline' | 'getAuthContext'
>;

/** What one mounted set of services shares. */
export interface Serving {
  readonly dispatcher: Dispatcher;
  /** Calls that have no outcome yet. */
  readonly calls: InFlight<Call>;
  /** The peer's address when the socket has none (unix). */
  readonly address: () => string;
  /** Whether the HTTP/2 layer takes notes of request headers. */
  notes: boolean;
  /** Bytes of one response message. */
  readonly maxSendBytes: number;
  /** Whether messages may pass by grpc-js; on a server that is the user's own its limits and interceptors see them. */
  readonly direct: boolean;
}

export interface Accepted {
  readonly call: Call;
  readonly acceptsGzip: boolean;
  /** Why the call cannot begin. A deadline that has passed is the pipeline's to refuse. */
  readonly refusal: RpcError | undefined;
}

export function accept(serving: Serving, route: Route, rpc: ServerRpc, request: unknown): Accepted {
  learnMetadata(rpc.metadata);
  const { method } = route;
  const { timeout, acceptsGzip } = serving.notes ? noteOf(rpc.metadata) : ownNote(rpc);
  const { clock } = serving.dispatcher;
  const call = new Call({
    method,
    side: 'server',
    encoding: 'proto',
    headers: () => headersOf(rpc.metadata),
    rawHeaders: rpc.metadata,
    peer: () => peerOf(serving, rpc),
    local: serving.address,
    request,
    ...(timeout === undefined || timeout === Number.POSITIVE_INFINITY
      ? {}
      : { deadline: Deadline.after(timeout, clock) }),
  });
  return { call, acceptsGzip, refusal: timeout === undefined ? malformed(method.path) : undefined };
}

/** Without notes: what grpc-js made of the deadline, on the wall clock. */
function ownNote(rpc: ServerRpc): RequestNote {
  const at = rpc.getDeadline();
  return { timeout: Number(at) - Date.now(), acceptsGzip: false };
}

function malformed(path: string): RpcError {
  return ownError('TIMEOUT_MALFORMED', `the grpc-timeout header of the call to ${path} is malformed`, {
    code: 'INTERNAL',
    disposition: 'not-executed',
  });
}

/** The caller went away, or its connection did. */
export function cancelled(call: Call): RpcError {
  const late = call.deadline !== undefined && call.deadline.remaining() <= 0;
  return late
    ? new RpcError('DEADLINE_EXCEEDED', `the deadline of the call to ${call.method.path} has passed`)
    : new RpcError('CANCELLED', 'the caller cancelled the call, or its connection was lost');
}

/** A status as grpc-js sends it. */
export function statusObject({ code, message, trailers }: CallStatus): StatusObject {
  return { code, details: message, metadata: trailers === undefined ? newMetadata() : metadataOf(trailers) };
}

const sharedObjects = new WeakMap<CallStatus, StatusObject>();

/** As `statusObject`, for a status that many calls share. */
export function sharedStatusObject(status: CallStatus): StatusObject {
  let made = sharedObjects.get(status);
  if (made === undefined) {
    made = statusObject(status);
    sharedObjects.set(status, made);
  }
  return made;
}

/** The trailers of a call that went well; undefined for none. */
export function trailerMetadata(call: Call): Metadata | undefined {
  const trailers = trailersOf(call);
  return trailers === undefined ? undefined : metadataOf(trailers);
}

/** The response's headers as they go out. */
export function responseHeaders(call: Call, gzip: boolean): Metadata {
  const metadata = call.hasResponseHeaders ? metadataOf(call.responseHeaders) : newMetadata();
  if (gzip) metadata.set('grpc-encoding', 'gzip');
  return metadata;
}

export function peerOf(serving: Serving, rpc: ServerRpc): Peer {
  const certificate = certificateOf(rpc.getAuthContext().sslPeerCertificate as TlsCertificate | undefined);
  const address = readable(rpc.getPeer()) ?? serving.address();
  return certificate === undefined ? { address } : { address, certificate };
}

/** grpc-js writes `::1:50051` and `::ffff:127.0.0.1:50051`. */
function readable(peer: string): string | undefined {
  if (peer === 'unknown') return undefined;
  const colon = peer.lastIndexOf(':');
  const host = peer.slice(0, colon).replace(/^::ffff:(?=[\d.]+$)/, '');
  return host.includes(':') ? `[${host}]${peer.slice(colon)}` : `${host}${peer.slice(colon)}`;
}

function certificateOf(certificate: TlsCertificate | undefined): PeerCertificate | undefined {
  if (certificate === undefined) return undefined;
  return readCertificate(certificate.raw, certificate.fingerprint256);
}

/**
 * Delivers what arrived before an error. When a stream's trailers say that it failed, grpc-js
 * drops the messages that it holds but has not yet handed on (grpc-node#2764, open); when they say
 * OK it hands them on first. No public hook lies between, so the one private method that reads
 * trailers is wrapped for a stream: the code is set aside, grpc-js sees OK, and the code comes back with
 * the status. Should a release rename that method, streams behave as grpc-js's own do.
 */
import type { IncomingHttpHeaders } from 'node:http2';
import type { StatusObject } from '@grpc/grpc-js';
import type { GrpcCall } from './client-call.js';
import { textOf } from './metadata.js';

const heldHeader = 'hawser-held-status';

/** What of grpc-js is touched: resolving call > retrying call > load balancing call > HTTP/2 stream. */
interface Layers {
  readonly child?: { readonly underlyingCalls?: readonly { readonly call?: { readonly child?: Stream } }[] };
}
interface Stream {
  handleTrailers?: (headers: IncomingHttpHeaders) => void;
}

/** Call it when response headers have come: the stream is there, and its trailers are not. */
export function holdStatus(rpc: GrpcCall): void {
  const stream = (rpc as unknown as Layers).child?.underlyingCalls?.at(-1)?.call?.child;
  const original = stream?.handleTrailers;
  if (stream === undefined || typeof original !== 'function') return;
  stream.handleTrailers = (headers) => {
    const code = headers['grpc-status'];
    const failed = typeof code === 'string' && code !== '0';
    original.call(stream, failed ? { ...headers, 'grpc-status': '0', [heldHeader]: code } : headers);
  };
}

/** The status as the server sent it. */
export function releasedStatus(status: StatusObject): StatusObject {
  const held = textOf(status.metadata, heldHeader);
  if (held === undefined) return status;
  status.metadata.remove(heldHeader);
  // Only where grpc-js says OK: an error of its own, say a message that is too large, came first.
  return status.code === 0 ? { ...status, code: Number(held) } : status;
}

/** One request, one response. The path that most calls take: one closure set, no stream, no extra promise. */
import { type handleUnaryCall, Metadata } from '@grpc/grpc-js';
import { runInCall } from '../../call/current.js';
import type { Route } from '../../call/transport.js';
import { accept, cancelled, responseHeaders, type Serving, tooLarge } from './accept.js';
import { compressed, type Outgoing } from './compression.js';
import { failedStatus, trailersOf } from './failed-status.js';
import { asBuffer } from './metadata.js';

export function serveUnary(serving: Serving, route: Route): handleUnaryCall<Buffer, Outgoing> {
  const { logger } = serving.dispatcher;
  return (rpc, callback) => {
    const { call, acceptsGzip, refusal } = accept(serving, route, rpc, rpc.request);
    let answered = false;
    const settle = (): boolean => {
      if (answered) return false;
      answered = true;
      serving.calls.delete(call);
      return true;
    };
    const fail = (reason: unknown): void => {
      if (!settle()) return;
      if (!rpc.cancelled) {
        if (call.hasResponseHeaders) rpc.sendMetadata(responseHeaders(call, false, () => new Metadata()));
        callback(failedStatus(call, reason, logger));
      }
      call.finish();
    };
    const send = (message: Outgoing): void => {
      if (!settle()) return;
      if (!rpc.cancelled) {
        if (call.hasResponseHeaders || acceptsGzip) {
          rpc.sendMetadata(responseHeaders(call, acceptsGzip, () => new Metadata()));
        }
        callback(null, message, trailersOf(call));
      }
      call.finish();
    };
    const succeed = (response: unknown): void => {
      const bytes = asBuffer(response as Uint8Array);
      if (bytes.byteLength > serving.maxSendBytes) {
        fail(tooLarge(call, bytes.byteLength, serving.maxSendBytes));
      } else if (acceptsGzip) {
        const message = compressed(bytes);
        if (message instanceof Promise) message.then(send, fail);
        else send(message);
      } else send(bytes);
    };
    if (refusal !== undefined) {
      fail(refusal);
      return;
    }
    serving.calls.add(call);
    call.onAbort(fail);
    // Comes after every call, also a successful one: an abort then finds the call finished.
    rpc.on('cancelled', () => call.abort(cancelled(call)));
    runInCall(call, () => route.handle(call)).then(succeed, fail);
  };
}

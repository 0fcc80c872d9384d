/** One correlation id through a whole call tree: a call made inside a handler carries its caller's. */
import { correlationHeader } from '../call/call.js';
import { currentCall } from '../call/current.js';
import type { Interceptor } from '../call/interceptor.js';

/** Client, stage `trace`. */
export const clientCorrelation: Interceptor = (_method, next) => (call) => {
  const parent = currentCall();
  if (parent !== undefined && !(call.hasHeaders && call.headers.has(correlationHeader))) {
    call.headers.set(correlationHeader, parent.correlationId);
  }
  return next(call);
};

import type { MethodType } from '../../contract/method.js';

/**
 * The standard health service passes every gate: whoever asks whether an overloaded server is alive, and is refused, ends it,
 * and its load falls on the others.
 */
export function isHealth(method: Pick<MethodType, 'service'>): boolean {
  return method.service.name === 'grpc.health.v1.Health';
}

/**
 * The standard health service (grpc.health.v1), as an ordinary service on our own pipeline. What a
 * load balancer or Kubernetes asks: is the server, or one of its services, to be sent calls?
 * Source: gRPC "Health Checking Protocol".
 */
import { HealthCheckResponse, HealthCheckResponse_ServingStatus as Status } from '../../gen/grpc/health/v1/health.js';
import { Health } from '../../gen/grpc/health/v1/health.rpc.js';
import { ownError } from '../call/own-error.js';
import { shown } from '../contract/option-names.js';
import type { Handlers } from './handlers.js';
import { OpenStreams, type StreamBounds } from './open-streams.js';

export interface HealthService {
  readonly service: typeof Health;
  readonly handlers: Handlers<typeof Health>;
  /** Says how one service is; `''` for the server as a whole. A name that was not known becomes known. */
  setServing(name: string, serving: boolean): void;
  /** First thing of a graceful close: everything is NOT_SERVING from now on, and watchers are told and let go. */
  shutdown(): void;
}

/** The most services that List names (grpc-proto). */
const mostListed = 100;

/** Characters of a name that is kept while its service is watched; any name may be, known or not. */
const longestName = 256;

/** All of `names`, and the server as a whole, are serving at first. */
export function healthService(names: readonly string[], bounds?: StreamBounds): HealthService {
  const streams = new OpenStreams('watchers of its health', 'TOO_MANY_WATCHES', bounds);
  const statuses = new Map<string, Status>(['', ...names].map((name) => [name, Status.SERVING]));
  const watchers = new Set<() => void>();
  let closed = false;
  const wakeAll = (): void => {
    for (const wake of [...watchers]) wake();
  };
  return {
    service: Health,
    setServing(name, serving) {
      if (closed) return;
      statuses.set(name, serving ? Status.SERVING : Status.NOT_SERVING);
      wakeAll();
    },
    shutdown() {
      closed = true;
      for (const name of statuses.keys()) statuses.set(name, Status.NOT_SERVING);
      wakeAll();
    },
    handlers: {
      check({ service }) {
        const status = statuses.get(service);
        if (status !== undefined) return HealthCheckResponse.create({ status });
        throw ownError('SERVICE_UNKNOWN', `this server has no service ${shown(service)}`);
      },
      list() {
        if (statuses.size > mostListed) {
          throw ownError(
            'TOO_MANY_SERVICES',
            `this server has ${statuses.size} services, more than List may name (${mostListed}); use Check for one of them`,
          );
        }
        return {
          statuses: Object.fromEntries(
            [...statuses].map(([name, status]) => [name, HealthCheckResponse.create({ status })]),
          ),
        };
      },
      // One status at a time: a slow watcher misses what has changed back, and holds no queue.
      async *watch({ service }, { signal, peer }) {
        if (service.length > longestName) {
          throw ownError(
            'SERVICE_NAME_TOO_LONG',
            `the name of the service has ${service.length} characters; at most ${longestName} are watched`,
            { code: 'INVALID_ARGUMENT', disposition: 'not-executed' },
          );
        }
        const leave = streams.enter(peer.address);
        try {
          let told: Status | undefined;
          while (!signal.aborted) {
            const status = statuses.get(service) ?? Status.SERVICE_UNKNOWN;
            if (status !== told) {
              told = status;
              yield HealthCheckResponse.create({ status });
            } else if (closed) return;
            else await changed(watchers, signal);
          }
        } finally {
          leave();
        }
      },
    },
  };
}

/** Until a status changes, or the watcher goes. */
function changed(watchers: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      watchers.delete(wake);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    watchers.add(wake);
    signal.addEventListener('abort', wake);
  });
}

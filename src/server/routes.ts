/** What a server's listeners serve from: every method of its services, with all interceptors around its handler. */
import type { Clock } from '../call/clock.js';
import { compose, type Handler, type Staged, serverStages } from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import type { Dispatcher, Route } from '../call/transport.js';
import type { MethodType } from '../contract/method.js';
import type { ServiceType } from '../contract/service.js';

export interface RoutesInit {
  /** The handlers of each service, by local name. */
  readonly services: Iterable<readonly [ServiceType, ReadonlyMap<string, Handler>]>;
  readonly interceptors: readonly Staged[];
  readonly logger: Logger;
  readonly clock: Clock;
}

export function dispatcherOf({ services, interceptors, logger, clock }: RoutesInit): Dispatcher {
  // Twins in both IDLs have the same name, and the memory transport serves both.
  const routes = { proto: new Map<string, Route>(), thrift: new Map<string, Route>() };
  const served: ServiceType[] = [];
  for (const [service, handlers] of services) {
    served.push(service);
    for (const method of Object.values<MethodType>(service.methods)) {
      const innermost = handlers.get(method.localName);
      if (innermost === undefined) continue;
      routes[service.idl].set(method.path, { method, handle: compose(serverStages, method, interceptors, innermost) });
    }
  }
  return {
    services: served,
    find: (path, idl) =>
      idl === undefined ? (routes.proto.get(path) ?? routes.thrift.get(path)) : routes[idl].get(path),
    logger,
    clock,
  };
}

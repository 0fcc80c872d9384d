/**
 * What a server's listeners serve from: every method of its services, with all interceptors around
 * its handler. The one place that says what stands in a server's pipeline.
 */
import type { Clock } from '../call/clock.js';
import { EventHub } from '../call/events.js';
import {
  compose,
  type Handler,
  type Interceptor,
  type Placement,
  place,
  rankOf,
  type ServerStage,
  type Staged,
  serverStages,
} from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import type { Dispatcher, Route } from '../call/transport.js';
import type { MethodType } from '../contract/method.js';
import type { ServiceType } from '../contract/service.js';
import { serverCodec } from '../interceptors/codec.js';
import { discardLate, serverDeadline } from '../interceptors/deadline.js';
import { serverDeprecation } from '../interceptors/deprecation.js';
import { failed, failure } from '../interceptors/failure.js';
import type { ServerNegotiation } from '../interceptors/negotiation.js';
import { serverPropagation } from '../interceptors/propagation.js';
import { type ServerEvents, serverEventNames } from '../interceptors/server-events.js';
import { type ServerTelemetry, serverTracing } from '../telemetry/server-tracing.js';
import type { Gates } from './gates.js';

export interface RoutesInit {
  /** The handlers of each service, by local name. */
  readonly services: Iterable<readonly [ServiceType, ReadonlyMap<string, Handler>]>;
  /** The user's own. */
  readonly interceptors: readonly Staged[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly events?: EventHub<ServerEvents>;
  /** ms */
  readonly maxTimeout?: number | undefined;
  /** Spans and metrics; none without it. */
  readonly telemetry?: ServerTelemetry | undefined;
  /** Who may call, and how much; see gates.ts. */
  readonly gates?: Gates;
  /** Versions and features; none without it. */
  readonly negotiation?: ServerNegotiation;
  /** What KEYED methods pass; see keyed-calls.ts. */
  readonly keyed?: readonly Staged[];
  /** The method as callers of these routes know it, where that is another than the IDL's. */
  readonly asCalled?: (method: MethodType) => MethodType;
}

/** An interceptor of the user's; without a place it stands after decoding, where it sees messages. Throws a TypeError. */
export function placed(interceptor: Interceptor, placement: Placement<ServerStage> = { after: 'decode' }): Staged {
  return place(serverStages, interceptor, placement);
}

export function serverEvents(logger: Logger): EventHub<ServerEvents> {
  return new EventHub<ServerEvents>('hawser:server', serverEventNames, (error, name) =>
    logger.error({ err: error }, `a listener of the event ${name} failed`),
  );
}

export function dispatcherOf(init: RoutesInit): Dispatcher {
  const { services, logger, clock, events = serverEvents(logger), maxTimeout, telemetry } = init;
  const outside = (stage: ServerStage) =>
    init.interceptors.some((one) => rankOf(serverStages, one) < serverStages.indexOf(stage) * 3);
  const watched = outside('deadline');
  const interceptors: readonly Staged[] = [
    { stage: 'transport', side: 0, interceptor: failure(logger, outside('transport')) },
    ...(telemetry === undefined ? [] : [{ stage: 'trace', side: 0, interceptor: serverTracing(telemetry) } as const]),
    { stage: 'trace', side: 0, interceptor: serverPropagation },
    ...(init.negotiation === undefined
      ? []
      : [{ stage: 'negotiate', side: 0, interceptor: init.negotiation.interceptor } as const]),
    { stage: 'negotiate', side: 1, interceptor: serverDeprecation },
    { stage: 'deadline', side: 0, interceptor: serverDeadline({ clock, events, maxTimeout, watched }) },
    { stage: 'decode', side: 0, interceptor: serverCodec },
    { stage: 'decode', side: 1, interceptor: discardLate('decode', events) },
    { stage: 'handler', side: 0, interceptor: discardLate('handler', events) },
    ...(init.gates?.interceptors ?? []),
    ...(init.keyed ?? []),
    ...init.interceptors,
  ];
  // What the user put in front of the limiter sees the calls too that the limiter refuses.
  const seesAll = outside('limiter');
  // Twins in both IDLs have the same name, and the memory transport serves both.
  const routes = { proto: new Map<string, Route>(), thrift: new Map<string, Route>() };
  const served: ServiceType[] = [];
  const leaving = failed(logger);
  for (const [service, handlers] of services) {
    served.push(service);
    for (const declared of Object.values<MethodType>(service.methods)) {
      const method = init.asCalled?.(declared) ?? declared;
      const innermost = handlers.get(method.localName);
      if (innermost === undefined) continue;
      const handle = compose(serverStages, method, interceptors, innermost);
      const refuse = seesAll ? undefined : init.gates?.refusing?.(method);
      const route = { method, handle, failed: leaving };
      routes[service.idl].set(method.path, refuse === undefined ? route : { ...route, refuse });
    }
  }
  return {
    services: served,
    find: (path, idl) =>
      idl === undefined ? (routes.proto.get(path) ?? routes.thrift.get(path)) : routes[idl].get(path),
    ...(init.negotiation === undefined ? {} : { introduce: init.negotiation.introduce }),
    logger,
    clock,
  };
}

/**
 * A Hawser service on a server of the npm package: `thrift.createServer` and the like take what this makes. The
 * whole server pipeline runs, so errors are as safe and deadlines as bounded as on our own listeners.
 *
 * What stays the package's: its connections (which wait for ever for the rest of a frame), its limits, and answers
 * in the order in which handlers end.
 */
import { type Clock, systemClock } from '../call/clock.js';
import type { Interceptor, Placement, ServerStage } from '../call/interceptor.js';
import { type Logger, stderrLogger } from '../call/logger.js';
import { isRpcError, type RpcError } from '../call/rpc-error.js';
import { clock as clockKind, interceptorList, logger as loggerKind } from '../contract/option-kinds.js';
import { knownOptions } from '../contract/option-names.js';
import { checkService, type ServiceType } from '../contract/service.js';
import { ApplicationFault } from '../contract/thrift/application-exception.js';
import { maxNameBytes } from '../contract/thrift/limits.js';
import { TMessageType } from '../contract/thrift/protocol.js';
import { bindHandlers, type Handlers } from '../server/handlers.js';
import { dispatcherOf, placed, serverEvents } from '../server/routes.js';
import { correlated } from '../telemetry/log-fields.js';
import { serverTelemetry } from '../telemetry/server-tracing.js';
import { refusal } from '../transports/thrift/application-errors.js';
import type { Incoming } from '../transports/thrift/incoming.js';
import { resolveLimits } from '../transports/thrift/limits.js';
import { answerName, RouteTable } from '../transports/thrift/routes.js';
import {
  type Answered,
  type ExchangeContext,
  encodeException,
  encodeFailure,
  encodeResult,
  makeCall,
  run,
} from '../transports/thrift/server-exchange.js';
import type { ApacheProcessor, ApacheProtocol } from './apache-types.js';
import { encodingOf, takeBody } from './message-bytes.js';

export interface ProcessorOptions {
  /** Outermost first. One without a place stands after decoding, where it sees messages. */
  readonly interceptors?: readonly (Interceptor | ({ readonly interceptor: Interceptor } & Placement<ServerStage>))[];
  readonly logger?: Logger;
  readonly clock?: Clock;
}

const checkNames = knownOptions<ProcessorOptions>({
  interceptors: interceptorList,
  logger: loggerKind,
  clock: clockKind,
});

/**
 * @example
 * const processor = toApacheProcessor(TradeHistory, { getLastSale: async ({ fish }) => sales.get(fish) });
 * thrift.createServer(processor, undefined, { transport: thrift.TFramedTransport }).listen(9090);
 *
 * Throws a TypeError when a method has no handler, or the service does not come from Thrift.
 */
export function toApacheProcessor<S extends ServiceType>(
  service: S,
  handlers: Handlers<S>,
  options: ProcessorOptions = {},
): ApacheProcessor {
  checkService(service, 'toApacheProcessor');
  checkNames(options, 'toApacheProcessor', '');
  if (service.idl !== 'thrift') {
    throw new TypeError(`${service.name} comes from a .proto file; only a Thrift service can be served over Thrift`);
  }
  const { clock = systemClock, interceptors = [] } = options;
  const logger = correlated(options.logger ?? stderrLogger);
  const events = serverEvents(logger);
  const dispatcher = dispatcherOf({
    services: [[service, bindHandlers(service, handlers)]],
    interceptors: interceptors.map((one) => (typeof one === 'function' ? placed(one) : placed(one.interceptor, one))),
    logger,
    clock,
    events,
    telemetry: serverTelemetry(undefined, clock, events),
  });
  const routes = new RouteTable(dispatcher);
  const context: ExchangeContext = { dispatcher, limits: resolveLimits(), peer: () => ({ address: 'apache-thrift' }) };
  const processor: ApacheProcessor = {
    // `thrift.createServer` makes a processor with `new`.
    Processor: function Processor() {
      return processor;
    } as unknown as ApacheProcessor['Processor'],
    process(input, output) {
      const reply = (bytes: Buffer): void => {
        try {
          output.trans.write(bytes);
          output.flush();
        } catch (error) {
          dispatcher.logger.error({ transport: 'apache-thrift', err: error }, 'a reply could not be written');
        }
      };
      serve(take(input, output), routes, context, reply);
    },
  };
  return processor;
}

/** One message, its body not yet decoded; or why it cannot be served. */
type Taken = { readonly message: Incoming; readonly fault?: RpcError; readonly type?: ApplicationFault };

function take(input: ApacheProtocol, output: ApacheProtocol): Taken {
  // The input may be a stand-in of the package's MultiplexedProcessor; the output never is.
  const protocol = encodingOf(output);
  const { fname, mtype, rseqid } = input.readMessageBegin();
  const name = String(fname);
  const message = (body: Buffer): Incoming => ({
    envelope: { layers: 'unframed', protocol, zlib: false },
    headers: undefined,
    name,
    type: mtype,
    // Its compact protocol reads a negative number as unsigned.
    sequenceId: rseqid | 0,
    body,
  });
  const body = takeBody(input.trans, protocol);
  const refuse = (type: ApplicationFault, sentence: string): Taken => ({
    message: message(body),
    fault: refusal(type, sentence),
    type,
  });
  if (Buffer.byteLength(name) > maxNameBytes) {
    const { PROTOCOL_ERROR } = ApplicationFault;
    return {
      message: { ...message(body), name: '' },
      fault: refusal(PROTOCOL_ERROR, `the method name takes more than ${maxNameBytes} bytes`),
      type: PROTOCOL_ERROR,
    };
  }
  if (mtype !== TMessageType.CALL && mtype !== TMessageType.ONEWAY) {
    return refuse(
      ApplicationFault.INVALID_MESSAGE_TYPE,
      `a server takes messages of type 1 (call) or 4 (oneway), not ${mtype}`,
    );
  }
  return { message: message(body) };
}

function serve(
  { message, fault, type }: Taken,
  routes: RouteTable,
  context: ExchangeContext,
  reply: (bytes: Buffer) => void,
): void {
  const oneway = message.type === TMessageType.ONEWAY;
  const refuse = (error: RpcError): void => {
    if (!oneway) reply(encodeException(error, undefined, answerName(message.name), message, context, type));
  };
  if (fault !== undefined) {
    refuse(fault);
    return;
  }
  try {
    const { route, name } = routes.find(message.name);
    const call = makeCall(route, message, context);
    const silent = oneway || route.method.kind === 'oneway';
    const end = (encode: (answered: Answered) => void): void => {
      if (call.finished) return; // it was answered when it was aborted
      call.finish();
      if (!silent) encode(reply);
    };
    run(
      call,
      route,
      (result) => end((answered) => encodeResult(result, call, name, message, context, answered)),
      (error) => end((answered) => encodeFailure(error, call, name, message, context, answered)),
    );
  } catch (error) {
    if (!isRpcError(error)) throw error;
    refuse(error);
  }
}

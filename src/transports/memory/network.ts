/**
 * The same call path without sockets: a client and a server in one process that share a network
 * object. Messages are bytes here too, so what works here is encoded, decoded and copied as on a
 * wire. Used by fast tests.
 */
import { Call } from '../../call/call.js';
import { runInCall } from '../../call/current.js';
import { Deadline } from '../../call/deadline.js';
import { HeaderMap } from '../../call/headers.js';
import { Inbox } from '../../call/inbox.js';
import type { Handler } from '../../call/interceptor.js';
import { pump, type Source } from '../../call/pump.js';
import { RpcError } from '../../call/rpc-error.js';
import { clientError, declarationOf, encodeStatus, errorOfStatus, statusOfDeclared } from '../../call/status.js';
import type { ClientTransport, Dispatcher, Listener, Route } from '../../call/transport.js';
import { codeNumber } from '../../contract/code.js';
import { streamsRequest, streamsResponse } from '../../contract/method.js';
import type { ServiceType } from '../../contract/service.js';

const peer = { address: 'memory' };

interface Bound {
  readonly dispatcher: Dispatcher;
  readonly calls: Set<Call>;
}

/**
 * @example
 * const network = new MemoryNetwork();
 * await server.listen({ memory: network });
 * const client = createClient(TradeHistory, network);
 */
export class MemoryNetwork {
  #bound: Bound | undefined;

  /** For `server.listen`. Throws an Error when another server listens on this network. */
  listen(dispatcher: Dispatcher): Listener {
    if (this.#bound !== undefined) {
      throw new Error('another server listens on this memory network; make a network of its own for each server');
    }
    const bound: Bound = { dispatcher, calls: new Set() };
    this.#bound = bound;
    return {
      address: 'memory',
      close: async (graceMs) => {
        if (this.#bound === bound) this.#bound = undefined;
        await drained(bound, graceMs);
      },
    };
  }

  /** For `createClient`. */
  connect(service: ServiceType): ClientTransport {
    const calls = new Set<Call>();
    let closed = false;
    return {
      encoding: service.idl === 'proto' ? 'proto' : 'binary',
      address: 'memory',
      bind: (method): Handler => {
        return (call) => {
          if (closed) return Promise.reject(unavailable('the client is closed'));
          const route = this.#bound?.dispatcher.find(method.path);
          if (this.#bound === undefined) return Promise.reject(unavailable('no server listens on this memory network'));
          if (route === undefined) {
            return Promise.reject(
              new RpcError('UNIMPLEMENTED', `the server has no method ${method.path}`, { disposition: 'not-executed' }),
            );
          }
          calls.add(call);
          call.onFinish(() => calls.delete(call));
          return exchange(call, route, this.#bound);
        };
      },
      close: async () => {
        closed = true;
        for (const call of calls) call.abort(new RpcError('CANCELLED', 'the client was closed'));
      },
    };
  }
}

function unavailable(message: string): RpcError {
  return new RpcError('UNAVAILABLE', message, { disposition: 'not-executed' });
}

/** Waits for the calls to end; aborts those that are left after `graceMs`. */
async function drained(bound: Bound, graceMs: number): Promise<void> {
  if (bound.calls.size === 0) return;
  await new Promise<void>((resolve) => {
    const cancel = bound.dispatcher.clock.setTimer(() => {
      for (const call of bound.calls) call.abort(new RpcError('UNAVAILABLE', 'the server is shutting down'));
      resolve();
    }, graceMs);
    for (const call of bound.calls) {
      call.onFinish(() => {
        if (bound.calls.size > 0) return;
        cancel();
        resolve();
      });
    }
  });
}

/** One call, from the client's side to the server's and back. */
function exchange(client: Call, route: Route, bound: Bound): Promise<unknown> {
  const { method } = route;
  const remaining = client.deadline?.remaining();
  const server = new Call({
    method,
    side: 'server',
    encoding: client.encoding,
    headers: new HeaderMap(client.headers),
    peer,
    request: streamsRequest(method.kind) ? undefined : copy(client.request as Uint8Array),
    ...(remaining === undefined ? {} : { deadline: Deadline.after(remaining, bound.dispatcher.clock) }),
  });
  client.peer = peer;
  bound.calls.add(server);
  server.onFinish(() => bound.calls.delete(server));
  const cancel = (): void => {
    server.abort(new RpcError('CANCELLED', 'the caller cancelled'));
    server.finish();
  };
  if (streamsRequest(method.kind)) server.request = carryRequests(client, server);
  return new Promise((resolve, reject) => {
    client.onAbort((reason) => {
      cancel();
      reject(reason);
    });
    runInCall(server, async () => {
      try {
        const response = await route.handle(server);
        if (streamsResponse(method.kind)) {
          client.receiveHeaders(new HeaderMap(server.responseHeaders));
          resolve(carryResponses(client, server, response as AsyncIterable<unknown>, cancel));
          return;
        }
        end(client, server);
        resolve(response === undefined ? undefined : copy(response as Uint8Array));
      } catch (error) {
        end(client, server);
        reject(overTheWire(error, server));
      }
    });
  });
}

/** The client's messages, as the handler reads them. */
function carryRequests(client: Call, server: Call): AsyncIterable<unknown> {
  const { inbox, write } = channel((bytes) => server.decodeItem(bytes));
  server.onAbort((reason) => inbox.abort(reason));
  server.onFinish(() => inbox.end());
  pump(client, client.request as Source<unknown>, (message) => write(copy(client.encodeItem(message)))).then(
    () => inbox.end(),
    (error: unknown) => client.abort(clientError(error, 'CANCELLED', 'the request stream failed', 'unknown')),
  );
  return inbox;
}

/** The handler's messages, as the client reads them. */
function carryResponses(
  client: Call,
  server: Call,
  stream: AsyncIterable<unknown>,
  cancel: () => void,
): AsyncIterable<unknown> {
  const { inbox, write } = channel((bytes) => client.decodeItem(bytes), cancel);
  client.onAbort((reason) => inbox.abort(reason));
  pump(server, stream, (message) => write(copy(server.encodeItem(message)))).then(
    () => {
      end(client, server);
      inbox.end();
    },
    (error: unknown) => {
      end(client, server);
      inbox.fail(overTheWire(error, server));
    },
  );
  return inbox;
}

/** A bounded stream of encoded messages. A message that does not decode ends it for the reader. */
function channel(decode: (bytes: Uint8Array) => unknown, onReturn?: () => void) {
  let resume: (() => void) | undefined;
  const release = (): void => {
    resume?.();
    resume = undefined;
  };
  const inbox = new Inbox<unknown>({
    onDrain: release,
    onReturn: () => {
      release();
      onReturn?.();
    },
  });
  const write = (bytes: Uint8Array): Promise<void> | undefined => {
    let message: unknown;
    try {
      message = decode(bytes);
    } catch (error) {
      inbox.fail(error);
      onReturn?.();
      return undefined;
    }
    if (inbox.push(message)) return undefined;
    return new Promise((resolve) => {
      resume = resolve;
    });
  };
  return { inbox, write };
}

function end(client: Call, server: Call): void {
  server.finish();
  client.receiveHeaders(new HeaderMap(server.responseHeaders));
  client.receiveTrailers(new HeaderMap(server.responseTrailers));
}

/** The error as the other side reads it: through the same bytes as on gRPC. */
function overTheWire(error: unknown, server: Call): RpcError {
  const declaration = declarationOf(server.method, error);
  const sent =
    declaration !== undefined
      ? statusOfDeclared(error as Error, declaration, server.encoding)
      : clientError(error, 'INTERNAL', 'the server failed', 'executed');
  return errorOfStatus({
    code: codeNumber(sent.code),
    message: sent.message,
    details: encodeStatus(sent),
    disposition: sent.disposition,
  });
}

/** Nobody reads the other side's memory, as on a real wire. */
function copy(bytes: Uint8Array): Uint8Array {
  return bytes.slice();
}

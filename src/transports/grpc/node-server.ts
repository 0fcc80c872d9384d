/**
 * A gRPC listener on @grpc/grpc-js; loaded, with it, when there is one to be. The listening socket is our own and hands connections to
 * grpc-js, so that a failure to bind is one clear error, every connection is known, and closing
 * always ends: grpc-js's tryShutdown alone waits for ever on a stream that stays open.
 */

import { createServer, type Socket } from 'node:net';
import { Metadata, Server } from '@grpc/grpc-js';
import type { Call } from '../../call/call.js';
import type { Clock } from '../../call/clock.js';
import { InFlight } from '../../call/in-flight.js';
import { ownError } from '../../call/own-error.js';
import type { Dispatcher, Listener } from '../../call/transport.js';
import { bind, parseListenAddress } from '../listen-address.js';
import type { ServerTls } from '../tls.js';
import type { Serving } from './accept.js';
import { oversizedPath, register, registerRefusals, unimplementedPath } from './mount.js';
import { learnMetadata } from './new-metadata.js';
import { takeNotes } from './request-headers.js';
import { unaryInterceptor } from './serve-unary.js';
import { serverCredentials } from './server-credentials.js';
import { channelOptions, type GrpcServerOptions, headerBytes } from './server-options.js';

/** ms that the last answers get to leave, once the calls behind them are aborted. */
const flushMs = 250;

/**
 * Serves until closed. Throws a TypeError for an address that is none, a RangeError for a limit out of range, an
 * Error when the address cannot be bound or the certificate cannot be read.
 */
export async function listenNode(
  dispatcher: Dispatcher,
  options: GrpcServerOptions & { readonly address: string; readonly tls?: ServerTls },
): Promise<Listener> {
  parseListenAddress(options.address, 'gRPC');
  learnMetadata(new Metadata());
  let address = options.address;
  const calls = new InFlight<Call>();
  const serving: Serving = {
    dispatcher,
    calls,
    address: () => address,
    notes: false,
    maxSendBytes: options.maxSendBytes ?? Number.POSITIVE_INFINITY,
    direct: true,
  };
  const server = new Server({ ...channelOptions(options), interceptors: [unaryInterceptor(serving)] });
  const injector = server.createConnectionInjector(serverCredentials(options.tls));
  const paths = register(server, serving);
  const maxHeaderBytes = headerBytes(options);
  registerRefusals(server, maxHeaderBytes);
  serving.notes = takeNotes(server, {
    ours: (path) => paths.has(path),
    gzip: options.gzip ?? false,
    otherwise: unimplementedPath,
    headers: { maxBytes: maxHeaderBytes, otherwise: oversizedPath },
  });
  if (options.gzip === true && !serving.notes) {
    throw new Error('this version of @grpc/grpc-js does not let gzip of responses be switched on; leave gzip out');
  }
  const sockets = new Set<Socket>();
  const tcp = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', (error) => dispatcher.logger.debug({ err: error }, 'a gRPC connection broke'));
    injector.injectConnection(socket);
  });
  try {
    address = await bind(tcp, options.address, 'gRPC');
  } catch (error) {
    server.forceShutdown();
    throw error;
  }
  tcp.on('error', (error) => dispatcher.logger.warn({ err: error, address }, 'cannot accept a gRPC connection'));
  let closing: Promise<void> | undefined;
  return {
    address,
    close: (graceMs) => {
      closing ??= close(graceMs);
      return closing;
    },
  };

  async function close(graceMs: number): Promise<void> {
    const stopped = new Promise<void>((resolve) => tcp.close(() => resolve()));
    // Tells every client (GOAWAY) to open no more calls here; done when the open ones are.
    const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    if (!(await within(drained, graceMs, dispatcher.clock))) {
      for (const call of calls) {
        call.abort(ownError('SHUTDOWN', 'the server is shutting down'));
      }
      await within(drained, flushMs);
    }
    server.forceShutdown();
    for (const socket of sockets) socket.destroy();
    await stopped;
  }
}

/** Whether `done` came within `ms`. */
async function within(done: Promise<void>, ms: number, clock?: Clock): Promise<boolean> {
  let cancel = (): void => {};
  const late = new Promise<false>((resolve) => {
    if (clock !== undefined) cancel = clock.setTimer(() => resolve(false), ms);
    else {
      const timer = setTimeout(() => resolve(false), ms);
      cancel = () => clearTimeout(timer);
    }
  });
  try {
    return await Promise.race([done.then(() => true as const), late]);
  } finally {
    cancel();
  }
}

/**
 * A Hawser client over a connection of the npm package, beside the package's own clients on it: a team moves one
 * stub at a time. Calls in flight end when the connection does; the package would leave them waiting.
 */
import type { Call } from '../call/call.js';
import { type Clock, systemClock } from '../call/clock.js';
import type { Handler } from '../call/interceptor.js';
import { ownError } from '../call/own-error.js';
import type { RpcError } from '../call/rpc-error.js';
import type { ClientTransport } from '../call/transport.js';
import { type MethodType, streamsResponse } from '../contract/method.js';
import { clock, oneOf } from '../contract/option-kinds.js';
import { knownOptions, shown } from '../contract/option-names.js';
import { writeMessage } from '../contract/thrift/message.js';
import { TMessageType } from '../contract/thrift/protocol.js';
import { decodeError } from '../transports/thrift/application-errors.js';
import {
  type ApacheConnection,
  type ApacheProtocol,
  checkConnection,
  type OpenApacheConnection,
} from './apache-types.js';
import { type ApacheEncoding, encodingOf, takeBody } from './message-bytes.js';

export interface ConnectionOptions {
  /** The protocol that the connection was made with; found out by itself unless its class is wrapped. */
  readonly protocol?: ApacheEncoding;
  /** Calls `Service:method`, for a server with a MultiplexedProcessor: `true` for the service's short name, or its name there. */
  readonly multiplexed?: boolean | string;
  readonly clock?: Clock;
}

const checkNames = knownOptions<ConnectionOptions>({
  protocol: oneOf('binary', 'compact'),
  multiplexed: (value, name) => {
    if (typeof value === 'boolean' || (typeof value === 'string' && value !== '')) return;
    throw new TypeError(`${name} is ${shown(value)}; it is true, false or the name of the service at the server`);
  },
  clock,
});

interface Pending {
  readonly method: MethodType;
  succeed(body: Buffer | undefined): void;
  fail(error: RpcError): void;
}

/** The package's clients count from 1, so ours begin where theirs never come. */
const firstSeqid = 0x4000_0000;
const lastSeqid = 0x7fff_ffff;

/**
 * @example
 * const connection = thrift.createConnection('127.0.0.1', 9090, { transport: thrift.TFramedTransport });
 * const client = createClient(TradeHistory, fromApacheConnection(connection));
 *
 * Closing the client leaves the connection to its owner. Throws a TypeError for a protocol that is neither binary nor compact.
 */
export function fromApacheConnection(connection: ApacheConnection, options: ConnectionOptions = {}): ClientTransport {
  checkNames(options, 'fromApacheConnection', '');
  // What a protocol that is not spoken has in its place is worth its own sentence.
  if (options.protocol === undefined && typeof connection?.protocol === 'function') encodingOf(connection.protocol);
  checkConnection(connection);
  return new ApacheConnectionTransport(connection, options);
}

class ApacheConnectionTransport implements ClientTransport {
  readonly encoding: ApacheEncoding;
  readonly carriesHeaders = false;
  readonly address: string;
  readonly #connection: OpenApacheConnection;
  readonly #multiplexed: boolean | string;
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  #seqid = firstSeqid;
  #closed = false;
  #receiver: object | undefined;
  #onIdle: (() => void) | undefined;
  readonly #onLost = (): void => this.#failAll('the connection to the server is closed');
  readonly #onError = (error?: Error): void =>
    this.#failAll(`the connection to the server failed: ${error?.message ?? 'no reason given'}`, error);

  constructor(
    connection: OpenApacheConnection,
    { protocol, multiplexed = false, clock = systemClock }: ConnectionOptions,
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#multiplexed = multiplexed;
    this.encoding = protocol ?? encodingOf(connection.protocol);
    const { host, port, path } = connection;
    this.address = path !== undefined ? `unix:${path}` : host === undefined ? 'apache-thrift' : `${host}:${port}`;
    connection.on('error', this.#onError);
    connection.on('close', this.#onLost);
    // The connection's own 'close' does not come when it means to reconnect.
    connection.connection.on('close', this.#onLost);
  }

  bind(method: MethodType): Handler {
    if (streamsResponse(method.kind)) {
      return () =>
        Promise.reject(
          ownError('NOT_OVER_THRIFT', `${method.path} is a stream, and Thrift has no streaming calls`, {
            disposition: 'not-executed',
          }),
        );
    }
    const { name } = method.service;
    const prefix =
      typeof this.#multiplexed === 'string'
        ? `${this.#multiplexed}:`
        : this.#multiplexed
          ? `${name.slice(name.lastIndexOf('.') + 1)}:`
          : '';
    return (call) => this.#exchange(call, method, prefix + method.name);
  }

  /** Lets calls in flight end within `graceMs`; the connection stays open for its owner. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    if (this.#pending.size > 0 && graceMs > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.setTimer(resolve, graceMs);
        this.#onIdle = () => {
          cancel();
          resolve();
        };
      });
    }
    for (const pending of [...this.#pending.values()]) {
      pending.fail(ownError('CLIENT_CLOSED', 'the client was closed'));
    }
    // Whoever owns the connection hears of its errors from here on.
    this.#connection.removeListener('error', this.#onError);
    this.#connection.removeListener('close', this.#onLost);
    this.#connection.connection.removeListener('close', this.#onLost);
  }

  async #exchange(call: Call, method: MethodType, wireName: string): Promise<Buffer | undefined> {
    if (this.#closed) {
      throw ownError('CLIENT_CLOSED', 'the client is closed', { disposition: 'not-executed' });
    }
    // Were it written before, the package would queue it, and send it again and late after a reconnect.
    if (!this.#connection.connected) await this.#connected(call);
    return new Promise((resolve, reject) => {
      const seqid = this.#nextSeqid();
      const settle = (): void => {
        removeAbort();
        this.#pending.delete(seqid);
        if (this.#pending.size === 0) this.#onIdle?.();
      };
      this.#pending.set(seqid, {
        method,
        succeed: (body) => {
          settle();
          resolve(body);
        },
        fail: (error) => {
          settle();
          reject(error);
        },
      });
      let removeAbort = (): void => {};
      removeAbort = call.onAbort((reason) => this.#pending.get(seqid)?.fail(reason));
      const pending = this.#pending.get(seqid);
      if (pending === undefined) return;
      call.peer = { address: this.address };
      try {
        this.#install();
        const oneway = method.kind === 'oneway';
        const type = oneway ? TMessageType.ONEWAY : TMessageType.CALL;
        this.#send(writeMessage(this.encoding, wireName, type, seqid, call.request as Uint8Array), seqid);
        if (oneway) pending.succeed(undefined);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        pending.fail(
          ownError('REQUEST_UNSENDABLE', `the request of ${method.path} could not be sent: ${message}`, {
            cause: error,
          }),
        );
      }
    });
  }

  #connected(call: Call): Promise<void> {
    const connection = this.#connection;
    if (connection.connection.destroyed === true) return Promise.reject(unavailable('the connection is closed'));
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        removeAbort();
        connection.removeListener('connect', onConnect);
        connection.removeListener('error', onFail);
        connection.connection.removeListener('close', onFail);
      };
      const onConnect = (): void => {
        stop();
        resolve();
      };
      const onFail = (error?: unknown): void => {
        stop();
        reject(unavailable(`no connection: ${error instanceof Error ? error.message : 'it was closed'}`));
      };
      let removeAbort = (): void => {};
      connection.on('connect', onConnect);
      connection.on('error', onFail);
      connection.connection.on('close', onFail);
      removeAbort = call.onAbort((reason) => {
        stop();
        reject(reason);
      });
    });
  }

  #send(message: Buffer, seqid: number): void {
    const transport = new this.#connection.transport(undefined, (bytes) => this.#connection.write(bytes, seqid));
    transport.write(message);
    transport.flush();
  }

  #nextSeqid(): number {
    do this.#seqid = this.#seqid >= lastSeqid ? firstSeqid : this.#seqid + 1;
    while (this.#pending.has(this.#seqid));
    return this.#seqid;
  }

  /**
   * The connection gives a reply to `recv_<method>` of its client. We stand before that client: a reply with one
   * of our numbers is ours, every other goes on to it. A client made later takes our place, so this is looked at for every call.
   */
  #install(): void {
    const { client } = this.#connection;
    if (client !== undefined && client === this.#receiver) return;
    const behind = (client ?? {}) as Record<string | symbol, unknown>;
    const reqs = (behind._reqs ?? {}) as Record<number, unknown>;
    const receiver = new Proxy(behind, {
      get: (target, key, self) => {
        if (key === '_reqs') return reqs;
        if (typeof key !== 'string' || !key.startsWith('recv_')) return Reflect.get(target, key, self) as unknown;
        const theirs = target[key];
        return (input: ApacheProtocol, mtype: number, dummy: number): void => {
          const pending = this.#pending.get(-dummy);
          if (-dummy < firstSeqid || -dummy > lastSeqid) {
            if (typeof theirs === 'function') theirs.call(self, input, mtype, dummy);
            else this.#takeReply(input, reqs, dummy);
            return;
          }
          // Takes the reply off the transport also when nobody waits for it any more.
          const body = this.#takeReply(input, reqs, dummy);
          if (pending !== undefined) this.#settle(pending, key.slice(5), mtype, body);
        };
      },
      has: (target, key) => key === '_reqs' || key in target || (typeof key === 'string' && key.startsWith('recv_')),
    });
    this.#receiver = receiver;
    this.#connection.client = receiver;
  }

  /** Takes a reply off the transport. Throws the package's own error when it is not complete yet. */
  #takeReply(input: ApacheProtocol, reqs: Record<number, unknown>, dummy: number): Buffer {
    const body = takeBody(input.trans, this.encoding);
    const commit = reqs[dummy];
    delete reqs[dummy];
    if (typeof commit === 'function') commit();
    return body;
  }

  #settle(pending: Pending, name: string, mtype: number, body: Buffer): void {
    if (mtype === TMessageType.REPLY) {
      if (name === pending.method.name) pending.succeed(body);
      else pending.fail(malformed(pending.method, new Error(`the answer is to ${JSON.stringify(name)}`)));
      return;
    }
    if (mtype !== TMessageType.EXCEPTION) {
      pending.fail(malformed(pending.method, new Error(`a message of type ${mtype} is not an answer`)));
      return;
    }
    try {
      pending.fail(decodeError(body, this.encoding, undefined).error);
    } catch (error) {
      pending.fail(malformed(pending.method, error));
    }
  }

  #failAll(message: string, cause?: unknown): void {
    const error = ownError('CONNECTION_LOST', message, { cause });
    for (const pending of [...this.#pending.values()]) pending.fail(error);
  }
}

function unavailable(message: string): RpcError {
  return ownError('CONNECT_FAILED', message, { disposition: 'not-executed' });
}

function malformed(method: MethodType, cause: unknown): RpcError {
  return ownError(
    'RESPONSE_MALFORMED',
    `the reply of ${method.path} is malformed: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  );
}

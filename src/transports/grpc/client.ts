/**
 * The client's side of gRPC: one attempt of one call over one grpc-js channel per address. A
 * second channel is opened for calls that stream requests, on the first of them: their writes are to
 * wait for the wire, and grpc-js knows that only by channel.
 */
import type { Channel } from '@grpc/grpc-js';
import type { Call } from '../../call/call.js';
import { type Clock, systemClock } from '../../call/clock.js';
import type { Handler } from '../../call/interceptor.js';
import { type Logger, silentLogger } from '../../call/logger.js';
import { RpcError } from '../../call/rpc-error.js';
import type { ClientTransport } from '../../call/transport.js';
import { timerDuration } from '../../contract/duration.js';
import { type MethodType, streamsRequest, streamsResponse } from '../../contract/method.js';
import { type ChannelTarget, type GrpcClientOptions, openChannel } from './channel.js';
import { ChannelSlot } from './channel-slot.js';
import { Attempts, type GrpcCall, refusal, requestTooLarge } from './client-call.js';
import { oneResponse, streamResponses } from './client-stream.js';
import { UnaryAttempt } from './client-unary.js';
import { positive } from './limits.js';

export { checkGrpcClientOptions, type GrpcClientOptions } from './channel.js';

interface GrpcTransportOptions extends GrpcClientOptions, ChannelTarget {
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * Connects on the first call. Throws a TypeError for an address or TLS options that cannot be meant, a
 * RangeError for a limit out of range.
 */
export function grpcTransport(options: GrpcTransportOptions): ClientTransport {
  return new GrpcTransport(options);
}

class GrpcTransport implements ClientTransport {
  readonly encoding = 'proto';
  readonly address: string;
  readonly #options: GrpcTransportOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #attempts: Attempts;
  readonly #maxSendBytes: number;
  readonly #channel: ChannelSlot;
  #streamChannel: ChannelSlot | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: GrpcTransportOptions) {
    this.address = options.address;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#attempts = new Attempts(options.address);
    this.#maxSendBytes =
      options.maxSendBytes === undefined
        ? Number.POSITIVE_INFINITY
        : positive(options.maxSendBytes, 'grpc.maxSendBytes');
    this.#channel = this.#open(false);
  }

  bind(method: MethodType): Handler {
    const { path } = method;
    const limit = this.#maxSendBytes;
    if (streamsRequest(method.kind)) {
      return (call) => {
        this.#streamChannel ??= this.#open(true);
        return this.#stream(call, path, this.#streamChannel);
      };
    }
    if (streamsResponse(method.kind)) return (call) => this.#stream(call, path, this.#channel);
    return (call) => {
      const refused = this.#refusal(call) ?? tooLarge(call, limit);
      if (refused !== undefined) return Promise.reject(refused);
      const rpc = begin(this.#channel.get(), path);
      return new Promise((resolve, reject) => new UnaryAttempt(call, rpc, this.#attempts, resolve, reject).start());
    };
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #stream(call: Call, path: string, slot: ChannelSlot): Promise<unknown> {
    const { kind } = call.method;
    const refused = this.#refusal(call) ?? (streamsRequest(kind) ? undefined : tooLarge(call, this.#maxSendBytes));
    if (refused !== undefined) throw refused;
    const rpc = begin(slot.get(), path);
    const init = { call, rpc, attempts: this.#attempts, maxSendBytes: this.#maxSendBytes };
    return streamsResponse(kind) ? streamResponses(init) : oneResponse(init);
  }

  #refusal(call: Call): RpcError | undefined {
    if (this.#closing === undefined) return refusal(call);
    return new RpcError('CANCELLED', `the client of ${this.address} is closed`, {
      reason: 'CLIENT_CLOSED',
      disposition: 'not-executed',
    });
  }

  #open(honestWrites: boolean): ChannelSlot {
    const connectTimeout = timerDuration(this.#options.connectTimeout ?? '20s', 'grpc.connectTimeout');
    try {
      return new ChannelSlot(() => openChannel(this.#options, this.#options, honestWrites), connectTimeout);
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new TypeError(`cannot make a gRPC client of ${this.address}: ${why}`, { cause: error });
    }
  }

  async #close(graceMs: number): Promise<void> {
    if (this.#attempts.size > 0 && graceMs > 0) await this.#drained(graceMs);
    if (this.#attempts.size > 0) {
      this.#logger.debug({ address: this.address, calls: this.#attempts.size }, 'closing cancels calls in flight');
    }
    for (const attempt of [...this.#attempts]) attempt.cancel(new RpcError('CANCELLED', 'the client was closed'));
    this.#channel.close();
    this.#streamChannel?.close();
  }

  #drained(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancelTimer = this.#clock.setTimer(resolve, graceMs);
      this.#attempts.onEmpty(() => {
        cancelTimer();
        resolve();
      });
    });
  }
}

/** No deadline and no parent: what they are for is done above, without grpc-js's leak of listeners per child. */
function begin(channel: Channel, path: string): GrpcCall {
  return channel.createCall(path, Number.POSITIVE_INFINITY, undefined, null, undefined);
}

function tooLarge(call: Call, limit: number): RpcError | undefined {
  const { byteLength } = call.request as Uint8Array;
  return byteLength > limit ? requestTooLarge(call, byteLength, limit) : undefined;
}

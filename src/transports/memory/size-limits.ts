/**
 * Limits of message sizes for calls in memory: a program that is tested without sockets meets the same refusals as on a wire. They
 * stand between the two halves of an attempt, where a wire would have them.
 */
import type { RpcError } from '../../call/rpc-error.js';
import {
  requestAboveLimit,
  requestAboveOwnLimit,
  responseAboveLimit,
  responseAboveOwnLimit,
} from '../../call/too-large.js';
import { group } from '../../contract/option-kinds.js';
import { knownOptions, shown } from '../../contract/option-names.js';
import type { RequestFrame, RequestPath, ResponsePath } from './paths.js';

/** Bytes of one message; none is refused by default. */
export interface SizeLimits {
  readonly maxSendBytes?: number;
  readonly maxReceiveBytes?: number;
}

export interface MemoryNetworkOptions {
  /** What every client of this network sends and takes. */
  readonly client?: SizeLimits;
  /** What the server sends and takes. */
  readonly server?: SizeLimits;
}

const bytes = (value: unknown, name: string): void => {
  if (typeof value === 'number' && value >= 1) return;
  throw new RangeError(`${name} is ${shown(value)}; it is a number of bytes, 1 or more`);
};
const sizes = group(knownOptions<SizeLimits>({ maxSendBytes: bytes, maxReceiveBytes: bytes }));

export const checkMemoryOptions = knownOptions<MemoryNetworkOptions>({ client: sizes, server: sizes });

/** The way to the server, `connect`, with the limits of both sides before it and behind. */
export function limited(
  limits: MemoryNetworkOptions,
  back: ResponsePath,
  connect: (back: ResponsePath) => RequestPath,
): RequestPath {
  return limits.client === undefined && limits.server === undefined ? connect(back) : gate(limits, back, connect);
}

function gate(
  { client = {}, server = {} }: MemoryNetworkOptions,
  back: ResponsePath,
  connect: (back: ResponsePath) => RequestPath,
): RequestPath {
  let path = '';
  /** Ends the attempt for both sides. */
  const refuse = (error: RpcError): undefined => {
    forward.cancel();
    back.end(undefined, error);
  };
  const tooLargeRequest = ({ byteLength }: Uint8Array): RpcError | undefined => {
    if (byteLength > most(client.maxSendBytes))
      return requestAboveOwnLimit(path, byteLength, most(client.maxSendBytes));
    const limit = most(server.maxReceiveBytes);
    return byteLength > limit ? requestAboveLimit(numbers(byteLength, limit)) : undefined;
  };
  const forward = connect({
    headers: (headers) => back.headers(headers),
    message: (message) => {
      const { byteLength } = message;
      const own = most(server.maxSendBytes);
      // It is the server that finds out, and that ends the call.
      if (byteLength > own) throw responseAboveOwnLimit(path, byteLength, own);
      const limit = most(client.maxReceiveBytes);
      return byteLength > limit ? refuse(responseAboveLimit(numbers(byteLength, limit))) : back.message(message);
    },
    end: (trailers, error) => back.end(trailers, error),
    lost: (error) => back.lost(error),
  });
  return {
    open: (frame: RequestFrame) => {
      path = frame.path;
      const refused = frame.message === undefined ? undefined : tooLargeRequest(frame.message);
      if (refused === undefined) forward.open(frame);
      else back.end(undefined, refused);
    },
    message: (message) => {
      const refused = tooLargeRequest(message);
      // The handler of a streamed request began with the first one.
      return refused === undefined ? forward.message(message) : refuse(refused.withDisposition('executed'));
    },
    end: () => forward.end(),
    cancel: () => forward.cancel(),
    lost: () => forward.lost(),
  };
}

const most = (limit: number | undefined): number => limit ?? Number.POSITIVE_INFINITY;
const numbers = (bytes: number, limit: number): string => `${bytes} of at most ${limit} bytes`;

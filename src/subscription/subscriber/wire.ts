/**
 * The port between a client's subscriptions and whatever carries their frames. The carrier asks for a frame when it can send
 * one, so nothing is queued for a slow connection but what is still to be said.
 */
import type { ClientFrame, ServerFrame } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { RpcError } from '../../call/rpc-error.js';

/** A way to the server that is being opened, or open. */
export interface Wire {
  /** There is something to send: the carrier takes it by `WireEnd.take` when it can. */
  wake(): void;
  /** Ends it; nothing is told of it afterwards. */
  close(): void;
  /**
   * Sends what there is to say, then ends it; resolves when the server has taken it. Nothing is told of it meanwhile, and `close`
   * cuts it short. A wire without it cannot do so, and is closed.
   */
  leave?(): Promise<void>;
}

/** The session's end of a wire. */
export interface WireEnd {
  /** The next frame to send, if there is one. */
  take(): ClientFrame | undefined;
  received(frame: ServerFrame): void;
  /** It is gone; without an error when the server ended it in good order. */
  lost(error: RpcError | undefined): void;
}

export type OpenWire = (end: WireEnd) => Wire;

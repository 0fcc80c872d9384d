/**
 * The channel of one address, replaced when it cannot get through: grpc-js waits without end for a
 * peer that accepts a connection and never speaks HTTP/2 (grpc-node#2785, open), and every call on
 * that channel with it. gRPC's connection backoff document asks for a bound; ours is `connectTimeout`.
 */
import { type Channel, connectivityState } from '@grpc/grpc-js';

export class ChannelSlot {
  readonly #open: () => Channel;
  readonly #connectTimeout: number;
  #channel: Channel;
  #watched = false;

  /** `connectTimeout`: ms. */
  constructor(open: () => Channel, connectTimeout: number) {
    this.#open = open;
    this.#connectTimeout = connectTimeout;
    this.#channel = open();
  }

  /** For a call that is about to begin. */
  get(): Channel {
    if (!this.#watched) this.#watch(this.#channel);
    return this.#channel;
  }

  close(): void {
    this.#watched = true;
    this.#channel.close();
  }

  /** From any state but READY: follows it from change to change, and lets none stay too long in CONNECTING. */
  #watch(channel: Channel): void {
    if (channel !== this.#channel) return;
    const state = channel.getConnectivityState(false);
    this.#watched = state !== connectivityState.READY && state !== connectivityState.SHUTDOWN;
    if (!this.#watched) return;
    const timer = setTimeout(() => this.#giveUp(channel), this.#connectTimeout);
    // A program that has nothing else to wait for may end.
    timer.unref();
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => {
      clearTimeout(timer);
      this.#watch(channel);
    });
  }

  #giveUp(channel: Channel): void {
    if (channel !== this.#channel || channel.getConnectivityState(false) !== connectivityState.CONNECTING) return;
    this.#channel = this.#open();
    this.#watched = false;
    // Ends the calls that wait for a connection; none is further, or the state would be another.
    channel.close();
  }
}

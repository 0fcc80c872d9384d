/** What is agreed when a connection begins: whether the server takes it, how large its frames are, how often it speaks. */
import type { Hello } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { HubContext } from './hub-context.js';
import { item } from './wire.js';

/** The version of the frames. */
export const version = 1;

export interface Greeting {
  /** Bytes of a frame to the client. */
  readonly frameBytes: number;
  /** ms */
  readonly heartbeat: number;
  readonly welcome: Uint8Array;
}

export interface Unwelcome {
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs: number;
}

export function greet(hub: HubContext, hello: Hello): Greeting | Unwelcome {
  if (hello.version !== version) {
    const message = `the frames are of version ${hello.version}, and the server speaks version ${version}`;
    return { code: 'VERSION', message, retryAfterMs: 0 };
  }
  const refusal = hub.refuseHello();
  if (refusal !== undefined) return refusal;
  const { limits } = hub;
  const frameBytes =
    hello.maxFrameBytes > 0 ? Math.min(limits.frameBytes, Math.max(1024, hello.maxFrameBytes)) : limits.frameBytes;
  const heartbeat =
    hello.heartbeatMs > 0 ? Math.min(limits.heartbeatMs, Math.max(1000, hello.heartbeatMs)) : limits.heartbeatMs;
  const welcome = item({
    $case: 'welcome',
    value: {
      version,
      serverId: hub.serverId,
      heartbeatMs: heartbeat,
      slackMs: limits.slackMs,
      maxFrameBytes: limits.maxFrameBytes,
      maxSubscriptions: limits.maxSubscriptions,
      serverTime: Math.floor(hub.clock.wallTime()),
    },
  });
  return { frameBytes, heartbeat, welcome };
}

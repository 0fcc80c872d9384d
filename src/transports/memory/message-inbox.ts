/** The receiving end of a streamed message, on either side: decodes what comes, and holds the sender back when full. */
import { Inbox } from '../../call/inbox.js';

export interface MessageInbox {
  readonly inbox: Inbox<unknown>;
  /** Takes an encoded message; a promise to wait for when there is no more room. */
  write(bytes: Uint8Array): Promise<void> | undefined;
}

/** A message that does not decode ends the stream for its reader, after those before it, and runs `onBroken`. */
export function messageInbox(
  decode: (bytes: Uint8Array) => unknown,
  onBroken: (error: unknown) => void,
  onReturn?: () => void,
): MessageInbox {
  let waiting: (() => void)[] = [];
  const release = (): void => {
    const ready = waiting;
    waiting = [];
    for (const resume of ready) resume();
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
      onBroken(error);
      return undefined;
    }
    if (inbox.push(message)) return undefined;
    return new Promise((resolve) => waiting.push(resolve));
  };
  return { inbox, write };
}

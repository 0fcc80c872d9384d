import type { BytePipe, Host } from './byte-pipe.js';
import type { HeaderList } from './header-list.js';
import type { Indexing } from './hpack-encoder.js';
import type { KeepaliveTerms } from './keepalive.js';
import type { ConnectionLimits } from './limits.js';
import type { Stream, StreamReceiver } from './stream.js';

export interface ConnectionEvents {
  /** A server's: a request has come. `headers.tooLarge` asks for a refusal. Returns what gets the rest of it. */
  accept?(stream: Stream, headers: HeaderList, end: boolean): StreamReceiver;
  /** The peer's first SETTINGS have come: a client may begin streams. */
  ready?(): void;
  /** A client's: there is, or may be, room for another stream. */
  room?(): void;
  /** The peer takes no new streams. */
  goneAway?(code: number, debug: string): void;
  /** So many bytes wait for the peer to read them, with what was just sent: more than a few. */
  waits?(bytes: number): void;
  /** More wait than may (`maxUnsent`): the connection is ended. */
  unread?(bytes: number): void;
  /** Called once. Streams have been told before. */
  closed?(error: Error | undefined): void;
}

export interface ConnectionInit {
  readonly role: 'client' | 'server';
  readonly pipe: BytePipe;
  readonly host: Host;
  readonly events: ConnectionEvents;
  readonly limits?: Partial<ConnectionLimits>;
  /** Default: none. */
  readonly keepalive?: KeepaliveTerms;
  /** How the values of headers are written, by name. */
  readonly indexing?: ReadonlyMap<string, Indexing>;
}

/** What runs in a process of its own: functions that the bench's main process calls by name, one answer each. */

/** A function's argument and its answer travel as JSON. `end`, where there is one, ends what the actor started outside its process. */
export type Actor = Readonly<Record<string, (args: never) => unknown>>;

/** What a module exports for `spawnActor` to start. */
export type ActorFactory = (args: never) => Actor | Promise<Actor>;

export interface Question {
  readonly id: number;
  readonly ask: string;
  readonly args: unknown;
}

export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };

/** What a process used. Every actor answers `usage` with it; `{ reset: true }` begins a new peak. */
export interface Usage {
  /** User and system, since the process began; microseconds. */
  readonly cpu: number;
  /** The most memory since the last reset, bytes; since the process began where the system cannot reset it. */
  readonly peakRss: number;
  /** Now, bytes. */
  readonly rss: number;
  /** Heap and external memory, after a collection where the process was started with --expose-gc; bytes. */
  readonly heap: number;
}

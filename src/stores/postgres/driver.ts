/**
 * The part of the package `pg` that the store uses, as types of our own: `hawser/postgres` type-checks without pg, works
 * with any pool of that shape, and hands the pool's own kind of client to handlers.
 */

export interface PgResult {
  /** `COMMIT`, `INSERT`, ...: what the server says it did. */
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: readonly unknown[];
}

/** A client that was taken from a pool: `PoolClient` of pg. */
export interface PgClient {
  query(text: string, values?: unknown[]): Promise<PgResult>;
  /** With an error, or true, the connection is closed instead of going back to the pool. */
  release(destroy?: Error | boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/** `Pool` of pg. */
export interface PgPool<Client extends PgClient = PgClient> {
  connect(): Promise<Client>;
  connect(
    callback: (error: Error | undefined, client: Client | undefined, done: (release?: boolean | Error) => void) => void,
  ): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
  readonly options?: { readonly max?: number | undefined };
}

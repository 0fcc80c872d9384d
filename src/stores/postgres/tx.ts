/**
 * What a handler gets as `call.tx`: pg's client, for as long as the handler runs. It refuses to begin or end a
 * transaction, and to be released; afterwards it is dead, because the next statement would belong to another call.
 */
import type { PgClient } from './driver.js';
import type { Session } from './session.js';
import { transactionControl } from './transaction-control.js';

/** Of the pool's client, not of a transaction. */
const ofThePool: ReadonlySet<PropertyKey> = new Set(['release', 'end', 'connect', 'destroy']);

export interface Guarded<Client> {
  readonly tx: Client;
  /** From here on every use throws an Error. */
  end(): void;
}

export function guard<Client extends PgClient>(session: Session<Client>): Guarded<Client> {
  const { client } = session;
  let over = false;
  const assertOpen = (): void => {
    if (over) {
      throw new Error('the transaction of this call is over: it ends when the handler returns, so await every query');
    }
  };

  /** In the style of the call: pg's query takes a callback, returns a promise, or runs an object such as a cursor. */
  function query(...args: unknown[]): unknown {
    try {
      assertOpen();
      const refused = transactionControl(textOf(args[0]));
      if (refused !== undefined) {
        throw new Error(
          `${refused} is not allowed in this transaction: the store commits when the handler returns, and rolls back when it throws; savepoints are allowed`,
        );
      }
    } catch (error) {
      const callback = args.at(-1);
      if (typeof callback === 'function') {
        process.nextTick(callback, error);
        return undefined;
      }
      if (isSubmittable(args[0])) throw error;
      return Promise.reject(error);
    }
    const ask = client.query as (...args: unknown[]) => unknown;
    if (typeof args.at(-1) === 'function' || isSubmittable(args[0])) return ask.apply(client, args);
    return session.answer(() => ask.apply(client, args) as Promise<unknown>);
  }

  const tx = new Proxy(client, {
    get(target, name) {
      if (name === 'query') return query;
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (ofThePool.has(name)) {
        return () => {
          throw new Error(`${String(name)}() belongs to the store's pool: the store gives this client back by itself`);
        };
      }
      return (...args: unknown[]) => {
        assertOpen();
        return value.apply(target, args);
      };
    },
    set(_target, name) {
      throw new TypeError(`${String(name)} of this client cannot be set: other calls will use the same one`);
    },
  });
  return {
    tx,
    end() {
      over = true;
    },
  };
}

function isSubmittable(value: unknown): boolean {
  return typeof (value as { submit?: unknown } | null | undefined)?.submit === 'function';
}

/** The SQL of a query: a string, a configuration, a cursor, a stream around a cursor. */
function textOf(query: unknown): string {
  if (typeof query === 'string') return query;
  const { text, cursor } = (query ?? {}) as { text?: unknown; cursor?: { text?: unknown } };
  const found = text ?? cursor?.text;
  return typeof found === 'string' ? found : '';
}

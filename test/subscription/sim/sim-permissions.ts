/**
 * What the clients of a history may see, which changes: some keys, all but some, or all; answered as a set, a function or `all`, at
 * once or later. Everything that the server sends is looked at when it is sent.
 */
import { ServerFrame } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Connection } from '../../../src/subscription/connection.js';
import type { AccessRequest } from '../../../src/subscription/hub/hub-context.js';
import type { Permission } from '../../../src/subscription/hub/view.js';
import type { SeededRandom } from '../../../src/testing/random.js';
import type { History, Permitted } from '../checker/history.js';
import type { SimClock } from './sim-clock.js';

export const simKeys = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5'];

export class SimPermissions {
  readonly #random: SeededRandom;
  readonly #clock: SimClock;
  readonly #history: History;

  constructor(random: SeededRandom, clock: SimClock, history: History) {
    this.#random = random;
    this.#clock = clock;
    this.#history = history;
  }

  /** From now on; the server is told by `reauthorize` in the same moment. */
  change(principal: string): void {
    const random = this.#random;
    const keys: Permitted = random.chance(0.2) ? 'all' : simKeys.filter((key) => key === 'k0' || random.chance(0.5));
    this.#changesOf(principal).push(keys);
  }

  readonly authorize = ({ principal, action, keyed }: AccessRequest): Permission | Promise<Permission> => {
    if (action === 'publish' || !keyed) return 'all';
    const may = this.#may(principal);
    const answer: Permission =
      may === 'all' ? may : this.#random.chance(0.5) ? new Set(may) : (key) => may.includes(key);
    if (this.#random.chance(0.5)) return answer;
    return new Promise((resolve) => this.#clock.setTimer(() => resolve(answer), this.#random.int(150)));
  };

  watched(connection: Connection): Connection {
    const look = (frame: Uint8Array): void => {
      const may = this.#may(connection.principal);
      if (may === 'all') return;
      for (const { item } of ServerFrame.decode(frame).items) {
        const sent =
          item?.$case === 'batch' ? item.value.updates : item?.$case === 'snapshotChunk' ? item.value.entries : [];
        for (const { key, seq } of sent) {
          if (key === '' || may.includes(key)) continue;
          this.#history.leaks.push({ t: this.#clock.now(), principal: connection.principal, key, seq });
        }
      }
    };
    return new Proxy(connection, {
      get: (target, name) => {
        if (name === 'send') {
          return (frame: Uint8Array) => {
            look(frame);
            target.send(frame);
          };
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  #changesOf(principal: string): Permitted[] {
    let changes = this.#history.permitted.get(principal);
    if (changes === undefined) {
      changes = ['all'];
      this.#history.permitted.set(principal, changes);
    }
    return changes;
  }

  #may(principal: string): Permitted {
    return this.#changesOf(principal).at(-1) ?? 'all';
  }
}

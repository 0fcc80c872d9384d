/**
 * The questions of one connection about what its client may do. So many are asked at once, the others wait; one that nobody waits
 * for any more is not asked; and an answer from before `reauthorize` is not used: the question is asked again.
 */
import { RpcError } from '../../call/rpc-error.js';
import type { Connection } from '../connection.js';
import type { Awaitable } from '../topic-store.js';
import type { AccessRequest, HubContext } from './hub-context.js';
import type { Permission } from './view.js';

export type Question = Omit<AccessRequest, 'principal' | 'peer'>;

export interface Answer {
  readonly permission: Permission;
  /** As of which it was given. */
  readonly life: string;
}

/** Nobody hears of it: it ends what nobody waits for. */
const unwanted = (): RpcError => new RpcError('CANCELLED', 'nobody waits for the answer any more');

export class Asking {
  readonly #hub: Pick<HubContext, 'authorize' | 'limits' | 'permissions'>;
  readonly #connection: Connection;
  #asked = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(hub: Pick<HubContext, 'authorize' | 'limits' | 'permissions'>, connection: Connection) {
    this.#hub = hub;
    this.#connection = connection;
  }

  /** Throws, or rejects with, what refuses. */
  ask(question: Question): Awaitable<Answer> {
    if (this.#asked >= this.#hub.limits.maxQuestions) {
      return new Promise<void>((resolve) => this.#waiting.push(resolve)).then(() => this.ask(question));
    }
    try {
      return this.#ask(question);
    } finally {
      if (this.#asked < this.#hub.limits.maxQuestions) this.#waiting.shift()?.();
    }
  }

  #ask(question: Question): Awaitable<Answer> {
    if (!question.wanted()) throw unwanted();
    const { principal, peer, authorize = this.#hub.authorize } = this.#connection;
    const life = this.#hub.permissions.lifeOf(principal);
    const answer = authorize({ ...question, principal, peer });
    if (!(answer instanceof Promise)) return { permission: answer ?? 'all', life };
    this.#asked += 1;
    return answer
      .finally(() => {
        this.#asked -= 1;
        this.#waiting.shift()?.();
      })
      .then((permission) => {
        if (!question.wanted()) throw unwanted();
        const stands = this.#hub.permissions.lifeOf(principal) === life;
        return stands ? { permission: permission ?? 'all', life } : this.ask(question);
      });
  }
}

/**
 * What a caller may be shown of a topic, or publish to it: `authorize` is asked about the topic with all keys that are meant, and where
 * it answers `true` for keys by name, about each of them. Nothing but its word lets a key through, and it is not asked on when
 * nobody waits for the answer any more.
 */
import type { Call } from '../call/call.js';
import { RpcError } from '../call/rpc-error.js';
import { type Authorize, type AuthorizeContext, asked, denied, type Resource, type Visible } from './authorize.js';

export interface PermissionRequest {
  readonly action: 'subscribe' | 'publish';
  readonly topic: string;
  readonly keys: ReadonlySet<string> | 'all';
  /** Of `keys`, those that were allowed before, each by itself. */
  readonly allowed?: ReadonlySet<string> | undefined;
  readonly keyed: boolean;
  /** Keys that are refused are left out of the answer, rather than refuse it. */
  readonly again?: boolean;
  readonly wanted: () => boolean;
}

/** `all`: of the keys that are asked for. Rejects with what refuses: PERMISSION_DENIED, or what the hook threw. */
export async function permission(
  hook: Authorize,
  call: Call,
  context: AuthorizeContext,
  request: PermissionRequest,
): Promise<'all' | Visible> {
  const { action, topic, keys, keyed } = request;
  const question = new Question(topic, action, keys);
  const answer = await asked(hook, call, context, question);
  if (answer === true) {
    if (keys !== 'all') return eachKey(hook, call, context, { ...request, keys });
    if (!keyed || !question.judgesSingleKeys) return 'all';
    saidNothingOfAll(hook, context);
    throw denied(call, context, { topic });
  }
  if (!isVisible(answer)) throw denied(call, context, { topic });
  if (!keyed) {
    if (!sees(answer, '')) throw denied(call, context, { topic });
    return 'all';
  }
  if (keys === 'all' || keys.size === 0) return answer;
  const hidden = [...keys].filter((key) => !sees(answer, key));
  const refused = action === 'publish' ? hidden.length > 0 : hidden.length === keys.size && request.again !== true;
  if (refused) throw denied(call, context, { topic, key: hidden[0] as string });
  return answer;
}

async function eachKey(
  hook: Authorize,
  call: Call,
  context: AuthorizeContext,
  { action, topic, keys, allowed, again, wanted }: PermissionRequest & { readonly keys: ReadonlySet<string> },
): Promise<'all' | ReadonlySet<string>> {
  const seen = new Set<string>();
  for (const key of keys) {
    if (allowed?.has(key) === true) {
      seen.add(key);
      continue;
    }
    if (!wanted()) throw new RpcError('CANCELLED', 'nobody waits for the answer any more');
    const question = asked(hook, call, context, new Question(topic, action, new Set([key]), key));
    const answer: unknown = question instanceof Promise ? await question : question;
    if (answer === true || (isVisible(answer) && sees(answer, key))) seen.add(key);
    else if (again !== true) throw denied(call, context, { topic, key });
  }
  return seen.size === keys.size ? 'all' : seen;
}

function isVisible(answer: unknown): answer is Visible {
  return answer instanceof Set || typeof answer === 'function';
}

function sees(visible: Visible, key: string): boolean {
  return typeof visible === 'function' ? visible(key) === true : visible.has(key);
}

/** The hook sees the plain object, and it is known what it looked at. */
class Question implements Resource {
  declare readonly topic: string;
  declare readonly action: 'subscribe' | 'publish';
  declare readonly keys: ReadonlySet<string> | 'all';
  declare readonly key?: string;
  #sawKey = false;
  #sawKeys = false;

  constructor(topic: string, action: 'subscribe' | 'publish', keys: ReadonlySet<string> | 'all', key?: string) {
    const own = { enumerable: true, configurable: true };
    Object.defineProperties(this, {
      topic: { ...own, value: topic },
      action: { ...own, value: action },
      keys: {
        ...own,
        get: () => {
          this.#sawKeys = true;
          return keys;
        },
      },
      key: {
        ...own,
        get: () => {
          this.#sawKey = true;
          return key;
        },
      },
    });
  }

  get judgesSingleKeys(): boolean {
    return this.#sawKey && !this.#sawKeys;
  }
}

const told = new WeakSet<Authorize>();

/** Once for each hook, so that its author finds out why subscribers are refused. */
function saidNothingOfAll(hook: Authorize, { logger }: AuthorizeContext): void {
  if (told.has(hook)) return;
  told.add(hook);
  logger.warn(
    {},
    "authorize looks at resource.key and not at resource.keys, so it has no word for a subscription to all keys, which is refused; answer keys: 'all' with what may be seen",
  );
}

/** What may be published at all, whoever does it: messages of the declared type under their own key; sizes and numbers. */
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { Reason } from '../../contract/reasons.js';
import type { Append } from '../topic-store.js';
import type { TopicDeclaration } from './declaration.js';
import { type HubLimits, maxKeyBytes } from './limits.js';

/** The time at which a key expires must be a number that frames can hold, or no reader could read the update. */
const longestTtl = 100 * 365.25 * 86_400_000;

/** `read`: the values are known to be messages. Throws an RpcError INVALID_ARGUMENT. */
export function checkAppendable(
  declaration: TopicDeclaration,
  group: readonly Append[],
  limits: HubLimits,
  read = false,
): void {
  const { name } = declaration;
  if (group.length === 0 || group.length > limits.maxGroup) {
    throw invalid('GROUP_SIZE', `${group.length} updates are published together; it is 1 to ${limits.maxGroup}`);
  }
  const numbered = group.filter(({ producer }) => producer !== undefined).length;
  if (numbered > 0 && numbered < group.length) {
    // Sent again, it could neither be known as a whole nor be appended without the updates that have numbers.
    throw invalid(
      'PRODUCER',
      `${numbered} of the ${group.length} updates of a group for ${name} have a producer; give each its number, or none`,
    );
  }
  const keyed = declaration.keyOf !== undefined;
  checkHeld(declaration, group);
  for (const { key, value, ttl, producer } of group) {
    if (!keyed && (value === undefined || ttl > 0 || key !== '')) {
      throw invalid('NOT_KEYED', `${name} has no keys, so nothing of it has a key, is deleted or expires`);
    }
    if (Buffer.byteLength(key) > maxKeyBytes) {
      throw invalid('KEY_SIZE', `a key of ${name} has ${Buffer.byteLength(key)} bytes, more than ${maxKeyBytes}`);
    }
    if (value !== undefined && value.byteLength > limits.maxValueBytes) {
      throw invalid(
        'VALUE_SIZE',
        `an update of ${name} has ${value.byteLength} bytes, more than ${limits.maxValueBytes}; raise maxValueBytes`,
      );
    }
    if (value !== undefined && !read) checkValue(declaration, key, value);
    if (!Number.isSafeInteger(ttl) || ttl < 0 || ttl > longestTtl) {
      throw invalid(
        'TTL',
        `ttl is ${ttl}; it is a whole number of ms, 0 for none, and ${longestTtl} (100 years) at most`,
      );
    }
    if (
      producer !== undefined &&
      (!Number.isSafeInteger(producer.seq) || producer.seq < 1 || producer.id.length > 1024)
    ) {
      throw invalid('PRODUCER', 'a producer has a name of up to 1,024 characters and numbers its publications from 1');
    }
  }
}

/** Readers could not be given what the log drops as soon as it is appended. */
function checkHeld({ name, history }: TopicDeclaration, group: readonly Append[]): void {
  if (group.length > history.count) {
    throw invalid(
      'GROUP_SIZE',
      `${group.length} updates of ${name} are published together, and its history keeps ${history.count}; publish fewer at once, or raise history.count`,
    );
  }
  const bytes = group.reduce((sum, { value }) => sum + (value?.byteLength ?? 0), 0);
  if (bytes > history.bytes) {
    throw invalid(
      'GROUP_SIZE',
      `${group.length} updates of ${name} are published together with ${bytes} bytes, and its history keeps ${history.bytes}; publish fewer at once`,
    );
  }
}

/** A value that cannot be read would end every reader that meets it. */
function checkValue({ name, keyOf, check }: TopicDeclaration, key: string, value: Uint8Array): void {
  let own = key;
  try {
    check?.(value);
    own = keyOf?.(value) ?? key;
  } catch (cause) {
    throw malformed(name, cause);
  }
  if (own !== key) {
    throw invalid('KEY_MISMATCH', `the key is ${JSON.stringify(key)}, and the value says ${JSON.stringify(own)}`);
  }
}

export function malformed(topic: string, cause: unknown): RpcError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return ownError('VALUE_MALFORMED', `what is published is no update of ${topic}: ${why}`, {
    disposition: 'not-executed',
    cause,
  });
}

function invalid(reason: Reason, message: string): RpcError {
  return ownError(reason, message, { code: 'INVALID_ARGUMENT', disposition: 'not-executed' });
}

/** What may be published at all, whoever does it: sizes, keys and numbers. */
import { RpcError } from '../../call/rpc-error.js';
import type { Append } from '../topic-store.js';
import type { TopicDeclaration } from './declaration.js';
import { type HubLimits, maxKeyBytes } from './limits.js';

/** Throws an RpcError INVALID_ARGUMENT. */
export function checkAppendable(declaration: TopicDeclaration, group: readonly Append[], limits: HubLimits): void {
  const { name } = declaration;
  if (group.length === 0 || group.length > limits.maxGroup) {
    throw invalid('GROUP_SIZE', `${group.length} updates are published together; it is 1 to ${limits.maxGroup}`);
  }
  const keyed = declaration.keyOf !== undefined;
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
    if (!Number.isSafeInteger(ttl) || ttl < 0) throw invalid('TTL', `ttl is ${ttl}; it is a whole number of ms`);
    if (
      producer !== undefined &&
      (!Number.isSafeInteger(producer.seq) || producer.seq < 1 || producer.id.length > 1024)
    ) {
      throw invalid('PRODUCER', 'a producer has a name of up to 1,024 characters and numbers its publications from 1');
    }
  }
}

function invalid(reason: string, message: string): RpcError {
  return new RpcError('INVALID_ARGUMENT', message, { reason, disposition: 'not-executed' });
}

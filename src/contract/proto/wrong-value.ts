/** What is said of a number that its protobuf type cannot hold. */
import { shown } from '../bytes/wrong-value.js';

const ranges = {
  int32: ['an int32', 'an integer from -2147483648 to 2147483647'],
  uint32: ['a uint32', 'an integer from 0 to 4294967295'],
  int64: ['an int64', 'a bigint from -9223372036854775808n to 9223372036854775807n'],
  uint64: ['a uint64', 'a bigint from 0n to 18446744073709551615n'],
  float: ['a float', 'a number up to 3.4028234663852886e+38, NaN or an infinity'],
} as const;

export function notNumber(type: keyof typeof ranges, value: unknown): never {
  const [name, wanted] = ranges[type];
  const message = `${shown(value)} is not ${name}; it must be ${wanted}`;
  throw typeof value === (type.endsWith('64') ? 'bigint' : 'number') ? new RangeError(message) : new TypeError(message);
}

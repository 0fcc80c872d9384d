/**
 * Writers and readers are kept between messages, so that encoding a small struct allocates only
 * its bytes. Taking one and giving it back is a stack: an encoder that runs inside another
 * (a getter, a `toJSON`) gets its own.
 */
import type { Encoding } from '../codec.js';
import { type DecodeAccount, decodeAllowance, holdDecoded } from '../decode-budget.js';
import { ThriftBinaryReader } from './binary-reader.js';
import { ThriftBinaryWriter } from './binary-writer.js';
import { ThriftCompactReader } from './compact-reader.js';
import { ThriftCompactWriter } from './compact-writer.js';
import { thriftLimits } from './limits.js';

/** How many of each kind are kept. More are in use at once only where encoders nest. */
const kept = 4;

const binaryWriters: ThriftBinaryWriter[] = [];
const compactWriters: ThriftCompactWriter[] = [];
const binaryReaders: ThriftBinaryReader[] = [];
const compactReaders: ThriftCompactReader[] = [];

/** Encodes with a pooled writer. */
export function encodeWith<T>(
  encoding: Encoding,
  value: T,
  write: (writer: ThriftBinaryWriter | ThriftCompactWriter, value: T) => void,
): Buffer {
  if (encoding === 'binary') {
    const writer = binaryWriters.pop() ?? new ThriftBinaryWriter();
    writer.reset(thriftLimits());
    try {
      write(writer, value);
      return writer.finish();
    } finally {
      if (binaryWriters.length < kept) binaryWriters.push(writer);
    }
  }
  if (encoding !== 'compact') notThrift(encoding);
  const writer = compactWriters.pop() ?? new ThriftCompactWriter();
  writer.reset(thriftLimits());
  try {
    write(writer, value);
    return writer.finish();
  } finally {
    if (compactWriters.length < kept) compactWriters.push(writer);
  }
}

/** Decodes all of `bytes` with a pooled reader. What the value holds is charged to `account`. */
export function decodeWith<T>(
  encoding: Encoding,
  bytes: Uint8Array,
  read: (reader: ThriftBinaryReader | ThriftCompactReader) => T,
  account?: DecodeAccount,
): T {
  const limits = thriftLimits();
  const allowance = decodeAllowance();
  if (encoding === 'binary') {
    const reader = binaryReaders.pop() ?? new ThriftBinaryReader();
    reader.reset(bytes, 0, limits, allowance);
    try {
      const value = read(reader);
      reader.finish();
      if (account !== undefined) holdDecoded(account, reader.charged);
      return value;
    } finally {
      reader.clear();
      if (binaryReaders.length < kept) binaryReaders.push(reader);
    }
  }
  if (encoding !== 'compact') notThrift(encoding);
  const reader = compactReaders.pop() ?? new ThriftCompactReader();
  reader.reset(bytes, 0, limits, allowance);
  try {
    const value = read(reader);
    reader.finish();
    if (account !== undefined) holdDecoded(account, reader.charged);
    return value;
  } finally {
    reader.clear();
    if (compactReaders.length < kept) compactReaders.push(reader);
  }
}

function notThrift(encoding: string): never {
  throw new TypeError(
    `a Thrift value has no encoding ${JSON.stringify(encoding)}; call its service over Thrift, as "binary" or "compact"`,
  );
}

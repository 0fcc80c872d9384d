/** What a field of default requiredness reads as when it is absent and the IDL gives no default. */
import { isScalar, type TypeInfo } from './struct.js';

/** A fresh zero or empty value; undefined for a struct, which has none. */
export function zeroOf(type: TypeInfo): unknown {
  switch (type.kind) {
    case 'bool':
      return false;
    case 'i64':
      return 0n;
    case 'string':
      return '';
    case 'binary':
      return new Uint8Array(0);
    case 'uuid':
      return '00000000-0000-0000-0000-000000000000';
    case 'struct':
      return undefined;
    case 'list':
      return [];
    case 'set':
      return isScalar(type.element) ? new Set() : [];
    case 'map':
      return isScalar(type.key) ? new Map() : [];
    default:
      return 0;
  }
}

/** What generated code throws for a value that the wire carries well and the IDL does not allow. */
import { ProtocolFault, ThriftProtocolError } from './protocol-error.js';

/** A required field did not come. */
export function missingRequired(typeName: string, field: string): never {
  throw new ThriftProtocolError(
    ProtocolFault.INVALID_DATA,
    `${typeName}.${field} is required, but the message does not hold it`,
  );
}

/** A union came with no field, or with several. */
export function unionCount(typeName: string, count: number): never {
  throw new ThriftProtocolError(
    ProtocolFault.INVALID_DATA,
    `the union ${typeName} came with ${count} fields; it must hold exactly one`,
  );
}

/** A container within a container holds elements of another type than the IDL says. `field` adds where. */
export function nestedMismatch(typeName: string, field?: string): never {
  throw new ThriftProtocolError(
    ProtocolFault.INVALID_DATA,
    `${field === undefined ? typeName : `${typeName}.${field}`} holds a container with elements of another type than the IDL says`,
  );
}

/** A union to be written names no field that it has. */
export function unionUnset(typeName: string): never {
  throw new TypeError(`a ${typeName} must be { $case, value } with $case one of its fields`);
}

/** A required field of a value to be written is undefined. */
export function requiredUnset(typeName: string, field: string): never {
  throw new TypeError(`${typeName}.${field} is required, but it is undefined`);
}

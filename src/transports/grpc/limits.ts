import { shown } from '../../contract/option-names.js';

/** Throws a RangeError that names the option. The upper end is what grpc-js and setTimeout count with. */
export function positive(value: number, name: string): number {
  if (!Number.isInteger(value) || value <= 0 || value > 0x7fff_ffff) {
    throw new RangeError(`${name} is ${shown(value)}; it must be a whole number from 1 to ${0x7fff_ffff}`);
  }
  return value;
}

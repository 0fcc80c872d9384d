/**
 * The status codes of gRPC, by name. A name reads well in a log and in a test;
 * the number is only what travels.
 * Source: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
 */
const numbers = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type Code = keyof typeof numbers;

/** Every code, in the order of its number. */
export const codes = Object.keys(numbers) as readonly Code[];

export function codeNumber(code: Code): number {
  return numbers[code];
}

/** The code for a number from the wire. A number that gRPC does not define reads as UNKNOWN. */
export function codeOf(number: number): Code {
  return codes[number] ?? 'UNKNOWN';
}

export function isCode(name: string): name is Code {
  return Object.hasOwn(numbers, name);
}

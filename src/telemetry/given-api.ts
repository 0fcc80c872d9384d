/** The API of OpenTelemetry as a program hands it over. Names none of its types: who does not have it compiles against this too. */
let given: object | undefined;

export function givenApi(): object | undefined {
  return given;
}

/**
 * Hands Hawser the program's own `@opentelemetry/api`, for programs that are bundled into one file: there it cannot be found
 * by its name. Elsewhere nobody needs this.
 *
 * @example
 * import * as api from '@opentelemetry/api';
 * useOpenTelemetry(api);
 */
export function useOpenTelemetry(api: object): void {
  if (typeof api !== 'object' || api === null || !('trace' in api && 'context' in api && 'metrics' in api)) {
    throw new TypeError(
      `useOpenTelemetry takes the module @opentelemetry/api: import * as api from '@opentelemetry/api'`,
    );
  }
  given = api;
}

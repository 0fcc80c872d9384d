/** What a user may say of telemetry. Names no type of OpenTelemetry: who does not have it compiles against this too. */
import { duration } from '../contract/duration.js';
import { knownOptions } from '../contract/option-names.js';

export interface TelemetryOptions {
  /** A stream that lasts longer gets its span now and another, linked, at its end; ms or `"30s"`. 10 s by default. */
  readonly longStream?: number | string;
}

export const checkTelemetryOptions = knownOptions<TelemetryOptions>({ longStream: true });

/** ms. Throws a TypeError or RangeError that names the option. */
export function longStream(options: TelemetryOptions = {}): number {
  return duration(options.longStream, 'telemetry.longStream') ?? 10_000;
}

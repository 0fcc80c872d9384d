/** The text of Timestamps (RFC 3339) and Durations, to the nanosecond. */
import type { JsonContext } from './context.js';

type Context = JsonContext<unknown>;

/** Years 1 to 9999. */
const firstSecond = -62_135_596_800n;
const lastSecond = 253_402_300_799n;
/** 10,000 years. */
const longest = 315_576_000_000n;
const billion = 1_000_000_000;

const timestamp = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/;
const duration = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/;

export function timestampText(context: Context, seconds: bigint, nanos: number): string {
  if (seconds < firstSecond || seconds > lastSecond) {
    context.refuse(`${seconds} seconds are not in the years 1 to 9999 of a Timestamp`, RangeError);
  }
  if (!Number.isInteger(nanos) || nanos < 0 || nanos >= billion) {
    context.refuse(`nanos are ${nanos}; those of a Timestamp are an integer from 0 to 999999999`, RangeError);
  }
  const text = new Date(Number(seconds) * 1_000).toISOString();
  return `${text.slice(0, 19)}${fraction(nanos)}Z`;
}

export function parseTimestamp(context: Context, json: unknown): readonly [seconds: bigint, nanos: number] {
  const match = typeof json === 'string' ? timestamp.exec(json) : null;
  if (match === null) return context.wrong(json, wantedTimestamp);
  const [
    ,
    year = '',
    month = '',
    day = '',
    hour = '',
    minute = '',
    second = '',
    digits = '',
    sign,
    offHours,
    offMinutes,
  ] = match;
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
  const local = Date.parse(text);
  // Date takes 24:00 and the 30th of February for the next day.
  if (Number.isNaN(local) || new Date(local).toISOString().slice(0, 19) !== text.slice(0, 19)) {
    context.wrong(json, wantedTimestamp);
  }
  const hours = Number(offHours ?? 0);
  const minutes = Number(offMinutes ?? 0);
  if (hours > 23 || minutes > 59) context.wrong(json, wantedTimestamp);
  const offset = (hours * 60 + minutes) * (sign === '-' ? -60 : 60);
  const seconds = BigInt(local / 1_000 - offset);
  if (seconds < firstSecond || seconds > lastSecond) {
    context.wrong(json, 'a Timestamp: it is not in the years 1 to 9999', RangeError);
  }
  return [seconds, Number(digits.padEnd(9, '0'))];
}

const wantedTimestamp = 'a Timestamp: 2026-01-31T12:00:00.5Z, or with an offset such as +01:00';

export function durationText(context: Context, seconds: bigint, nanos: number): string {
  if (seconds < -longest || seconds > longest) {
    context.refuse(`${seconds} seconds are more than the ${longest} that a Duration can be`, RangeError);
  }
  if (!Number.isInteger(nanos) || Math.abs(nanos) >= billion) {
    context.refuse(`nanos are ${nanos}; those of a Duration are an integer from -999999999 to 999999999`, RangeError);
  }
  if ((seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0)) {
    context.refuse(`seconds are ${seconds} and nanos ${nanos}; those of a Duration have the same sign`, RangeError);
  }
  const sign = seconds < 0n || nanos < 0 ? '-' : '';
  return `${sign}${seconds < 0n ? -seconds : seconds}${fraction(Math.abs(nanos))}s`;
}

export function parseDuration(context: Context, json: unknown): readonly [seconds: bigint, nanos: number] {
  const match = typeof json === 'string' ? duration.exec(json) : null;
  if (match === null) return context.wrong(json, 'a Duration: seconds such as "1.5s"');
  const [, sign, whole = '', digits = ''] = match;
  const seconds = BigInt(whole);
  if (seconds > longest) context.wrong(json, `a Duration: it is more than ${longest} seconds`, RangeError);
  const nanos = Number(digits.padEnd(9, '0'));
  return sign === '-' ? [-seconds, nanos === 0 ? 0 : -nanos] : [seconds, nanos];
}

/** Of 0, 3, 6 or 9 digits. */
function fraction(nanos: number): string {
  if (nanos === 0) return '';
  return `.${String(nanos)
    .padStart(9, '0')
    .replace(/(?:000){1,2}$/, '')}`;
}

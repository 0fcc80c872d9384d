import { expect, it } from 'vitest';
import { Call } from '../../src/call/call.js';
import { HeaderMap, rawText, rawValues } from '../../src/call/headers.js';
import { Echo } from '../support/echo.js';

const about = { method: Echo.methods.say, side: 'server', encoding: 'proto', request: undefined } as const;

it('a look at one header makes no map of all', () => {
  let made = 0;
  const headers = (): HeaderMap => {
    made += 1;
    return new HeaderMap({ 'x-tenant': 'a' });
  };
  const wire: Record<string, string[]> = { 'x-tenant': ['a'], 'x-many': ['b', 'c'] };
  const call = new Call({ ...about, headers, rawHeaders: { get: (name) => wire[name] ?? [] } });
  expect(rawText(call.rawHeaders, 'x-tenant')).toBe('a');
  expect(rawText(call.rawHeaders, 'x-many')).toBeUndefined();
  expect(rawValues(call.rawHeaders, 'x-many')).toEqual(['b', 'c']);
  expect(call.correlationId).toMatch(/^[0-9a-f]{32}$/);
  expect(made).toBe(0);
});

it('what somebody wrote into the map is what is read from then on', () => {
  const rawHeaders = { get: () => ['of the wire'] };
  const call = new Call({ ...about, headers: () => new HeaderMap({ 'x-tenant': 'of the wire' }), rawHeaders });
  call.headers.set('x-tenant', 'of an interceptor');
  expect(rawText(call.rawHeaders, 'x-tenant')).toBe('of an interceptor');
});

it('a call without headers has none to look at', () => {
  expect(rawValues(new Call(about).rawHeaders, 'x-tenant')).toEqual([]);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import {
  agreedVersion,
  formatHello,
  frameworkVersion,
  type Hello,
  longestHello,
  parseHello,
  parseShort,
  parseVersion,
  type Version,
} from '../../src/interceptors/hello.js';
import { Recent } from '../../src/interceptors/recent.js';
import { runs } from '../support/soak.js';

const version = (text: string): Version => parseVersion(text) as Version;
const hello = (given: Partial<Hello> = {}): Hello => ({
  contract: 'fish.v1.Market',
  framework: '0.1.0',
  fingerprint: '0123456789abcdef',
  min: version('1.0'),
  max: version('1.4.0'),
  features: ['notes', 'origin'],
  active: ['notes'],
  instance: 'AbC-_123',
  ...given,
});

const versions = fc.tuple(fc.nat(9), fc.nat(99), fc.nat(99), fc.nat(9)).map(([major, a, b, patch]) => ({
  min: version(`${major}.${Math.min(a, b)}`),
  max: version(`${major}.${Math.max(a, b)}.${patch}`),
}));
const names = fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9][\w.-]{0,9}$/), { maxLength: 8 });
const hellos: fc.Arbitrary<Hello> = fc
  .record({
    range: versions,
    features: names,
    used: fc.infiniteStream(fc.boolean()),
    fingerprint: fc.constantFrom('', 'feedfacecafebeef'),
    instance: fc.option(fc.stringMatching(/^[\w-]{1,16}$/), { nil: undefined }),
  })
  .map(({ range, features, used, fingerprint, instance }) => ({
    contract: 'fish.v1.Market',
    framework: '0.1.0',
    fingerprint,
    ...range,
    features,
    active: features.filter(() => used.next().value),
    ...(instance === undefined ? {} : { instance }),
  }));

describe('a hello', () => {
  it('says the version of the package', () => {
    expect(frameworkVersion).toBe(manifest.version);
  });

  it('is read as it was written', () => {
    fc.assert(
      fc.property(hellos, (one) => {
        expect(parseHello(formatHello(one))).toEqual(one);
      }),
      { numRuns: runs(300) },
    );
  });

  it('is none when anything in it is wrong', () => {
    const good = formatHello(hello());
    expect(parseHello(good)).toBeDefined();
    for (const bad of [
      '',
      'v=1',
      'v=2;c=a;min=1.0;max=1.0',
      good.replace('min=1.0', 'min=2.0'),
      good.replace('min=1.0', 'min=1.5'),
      good.replace('min=1.0', 'min=-1.0'),
      good.replace('min=1.0;', ''),
      good.replace('max=1.4.0', 'max=1.4.0.0 '),
      good.replace('max=1.4.0', 'max=9999999.1'),
      good.replace('act=notes', 'act=others'),
      good.replace('feat=notes,origin', 'feat=notes,notes'),
      good.replace('feat=notes,origin', 'feat=notes,,origin'),
      good.replace('c=fish', 'c=../fish'),
      good.replace('fp=0', 'fp=X'),
      `${good};min=1.0`,
      `${good};=`,
      `${good};`,
      `${good};x=${'x'.repeat(longestHello)}`,
      `${good};a=1;b=1;d=1;e=1;f=1;g=1;h=1;i=1;j=1;k=1;l=1`,
      `v=1;c=a;min=1.0;max=1.0;feat=${Array.from({ length: 65 }, (_, i) => i).join(',')}`,
    ]) {
      expect(parseHello(bad), bad).toBeUndefined();
    }
  });

  it('may have fields of a later version', () => {
    expect(parseHello(`${formatHello(hello())};zone=eu`)).toEqual(hello());
  });

  it('is read in bounded time, whatever it is', () => {
    const pieces = fc.constantFrom(
      'v=1;',
      'c=',
      'min=1.0;',
      'max=',
      'feat=',
      'act=',
      ',',
      ';',
      '=',
      '.',
      'a',
      '-',
      '0',
      'id=',
      '%',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 3_000 }),
          fc.array(pieces, { maxLength: 600 }).map((all) => all.join('')),
        ),
        (text) => {
          const read = parseHello(text) ?? parseHello(`v=1;${text}`);
          if (read !== undefined) expect(parseHello(formatHello(read))).toEqual(read);
          parseShort(text);
        },
      ),
      { numRuns: runs(500) },
    );
  });

  it('with one character changed is another hello or none, never a fault', () => {
    fc.assert(
      fc.property(hellos, fc.nat(), fc.string({ minLength: 1, maxLength: 2 }), (one, at, piece) => {
        const text = formatHello(one);
        const index = at % text.length;
        const read = parseHello(text.slice(0, index) + piece + text.slice(index + 1));
        if (read === undefined) return;
        expect(read.active.every((name) => read.features.includes(name))).toBe(true);
        expect(read.min.major).toBe(read.max.major);
      }),
      { numRuns: runs(500) },
    );
  });

  it('too long to be read is not written', () => {
    const features = Array.from({ length: 40 }, (_, i) => `feature-with-a-long-name-${i}`);
    expect(() => formatHello(hello({ features, active: features }))).toThrow(/declares 40 features.*1024 characters/);
  });
});

describe('two ranges', () => {
  it('agree on the smaller of the newest, if both speak it, whoever asks', () => {
    fc.assert(
      fc.property(versions, versions, (a, b) => {
        const agreed = agreedVersion(a, b);
        const mirrored = agreedVersion(b, a);
        expect([agreed?.major, agreed?.minor]).toEqual([mirrored?.major, mirrored?.minor]);
        const speaks = (one: typeof a, minor: number, major: number) =>
          one.max.major === major && one.min.minor <= minor && minor <= one.max.minor;
        const common = Array.from({ length: 100 }, (_, minor) => minor).filter(
          (minor) => speaks(a, minor, a.max.major) && speaks(b, minor, a.max.major),
        );
        expect(agreed?.minor).toBe(common.at(-1));
      }),
      { numRuns: runs(200) },
    );
  });

  it('are compared by number: 1.10 is after 1.9', () => {
    expect(
      agreedVersion({ min: version('1.0'), max: version('1.9.0') }, { min: version('1.0'), max: version('1.10.0') })
        ?.text,
    ).toBe('1.9.0');
  });
});

describe('what was used lately', () => {
  it('is kept, and no more than twice the size in all', () => {
    const recent = new Recent<number>(10);
    for (let i = 0; i < 1_000; i++) {
      recent.set(`${i}`, i);
      recent.get('0');
    }
    expect(recent.get('0')).toBe(0);
    expect(recent.get('999')).toBe(999);
    expect(recent.get('500')).toBeUndefined();
    expect(new Set(recent.values()).size).toBeLessThanOrEqual(20);
  });
});

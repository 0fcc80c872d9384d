/** A program that ends as the commands of `hawser` do; its argument says what befalls it. */
import { createServer } from 'node:net';
import { endWith } from '../../src/cli/ending.js';

const later = (fn: () => void): Promise<number> =>
  new Promise(() => {
    setTimeout(fn, 1);
  });

const fates: Readonly<Record<string, () => Promise<number>>> = {
  'ends with 0': async () => 0,
  'ends with 1': async () => 1,
  'ends with 2': async () => 2,
  hangs: () => new Promise(() => {}),
  'hangs later': () => later(() => {}),
  throws: () => {
    throw new Error('thrown');
  },
  rejects: async () => {
    throw new Error('rejected');
  },
  'throws later': () =>
    later(() => {
      throw new Error('thrown later');
    }),
  'rejects beside': () => later(() => void Promise.reject(new Error('rejected beside'))),
  'leaves a handle': async () => {
    createServer().listen(0, '127.0.0.1');
    return 0;
  },
};

const fate = fates[process.argv[2] as string];
if (fate === undefined) throw new Error(`there is no fate ${process.argv[2]}`);
endWith('hawser test', fate);

import { describe } from 'vitest';
import { historiesKeepTheirPromises } from './histories.js';

describe('the promises of a subscription in the mode LATEST', () => {
  historiesKeepTheirPromises('LATEST', 5000);
});

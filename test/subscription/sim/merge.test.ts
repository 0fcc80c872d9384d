import { describe } from 'vitest';
import { historiesKeepTheirPromises } from './histories.js';

describe('the promises of a subscription in the mode MERGE', () => {
  historiesKeepTheirPromises('MERGE', 5000);
});

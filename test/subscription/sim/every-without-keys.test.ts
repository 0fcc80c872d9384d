import { describe } from 'vitest';
import { historiesKeepTheirPromises } from './histories.js';

describe('the promises of a subscription in the mode EVERY without keys', () => {
  historiesKeepTheirPromises('EVERY without keys', 5000);
});

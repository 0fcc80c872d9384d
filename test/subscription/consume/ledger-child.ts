/** Consumes until it is killed: `ledger-child.ts <address> <place>`. Says so when it writes an effect, before that commits. */
import { writeSync } from 'node:fs';
import { createClient } from '../../../src/client/create-client.js';
import { keepLedger, Orders } from './ledger.js';

const [, , address = '', place = ''] = process.argv;
const client = createClient(Orders, address, { subscriptions: { backoff: { initial: 5, max: 50 } } });
const consumer = await keepLedger(client.placed, place, (price) => writeSync(1, `${price}\n`));
await consumer.done;

/** The Python client of a kill run: what it bought is written into the ledger when it has ended. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../../support/scratch.js';
import type { Ledger } from './ledger.js';

const python = '/usr/bin/python3';

/** Makes the stubs below `folder`; returns what starts a client for one address. */
export function pythonGuest(folder: string): (addresses: readonly string[], ledger: Ledger) => () => Promise<void> {
  const stubs = join(folder, 'stubs');
  mkdirSync(stubs);
  execFileSync(python, [
    ...[
      '-m',
      'grpc_tools.protoc',
      '-I',
      join(repository, 'proto'),
      `--python_out=${stubs}`,
      `--grpc_python_out=${stubs}`,
    ],
    ...['market/v1/market.proto', 'hawser/policy/v1/policy.proto'],
  ]);
  return ([address = ''], ledger) => {
    const child = spawn(python, [join(import.meta.dirname, 'keyed_client.py'), stubs, address]);
    let output = '';
    let errors = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      errors = `${errors}${text}`.slice(-4_000);
    });
    return async () => {
      child.stdin.end();
      const [code] = await once(child, 'close');
      if (code !== 0) throw new Error(`the Python client ended with ${code}:\n${errors}`);
      for (const line of output.trim().split('\n')) write(ledger, JSON.parse(line));
    };
  };
}

type Purchase = [key: string, pounds: number, ...answers: ([number, number | string] | null)[]];

function write(ledger: Ledger, [key, pounds, ...answers]: Purchase): void {
  const entry = ledger.add(key, 'halibut', pounds);
  entry.doubtful = true;
  for (const answer of answers) {
    if (answer === null) continue;
    const [number, total] = answer;
    if (typeof total === 'string') ledger.surprises.push(`Python: ${total}`);
    else ledger.acknowledge(entry, `sold ${number} ${total}`);
  }
}

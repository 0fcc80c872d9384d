/**
 * The tarball that users install: packed, checked, put into a scratch project with a strict node_modules,
 * where a package reaches only what it declares, and used there.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, hasTool } from '../requires.js';
import { repository } from '../support/scratch.js';

const run = (cwd: string, command: string, ...args: string[]): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 240_000 });

const versions = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')).devDependencies as Record<
  string,
  string
>;

describeWith('the npm registry', hasTool('npm', ['ping']), 'the packed package', () => {
  const project = mkdtempSync(join(tmpdir(), 'hawser-install-'));
  let tarball: string;

  beforeAll(() => {
    const packed = JSON.parse(run(repository, 'npm', 'pack', '--json', '--pack-destination', project)) as {
      filename: string;
    }[];
    tarball = join(project, packed[0]!.filename);
    writeFileSync(
      join(project, 'package.json'),
      JSON.stringify({
        name: 'scratch',
        private: true,
        type: 'module',
        dependencies: { hawser: `file:${tarball}` },
        devDependencies: Object.fromEntries([
          ...['@bufbuild/buf', 'ts-proto', 'typescript', '@types/node', 'thrift'].map((name) => [name, versions[name]]),
          // Of another version than the package: its types are all there is.
          ['@types/thrift', '^0.10.17'],
        ]),
      }),
    );
    run(project, 'npm', 'install', '--install-strategy=linked', '--no-audit', '--no-fund', '--prefer-offline');
  }, 300_000);

  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it('has exports that resolve and types that are right, by publint and attw', () => {
    run(repository, join(repository, 'node_modules/.bin/publint'), 'run', tarball, '--strict');
    run(repository, join(repository, 'node_modules/.bin/attw'), tarball, '--profile', 'esm-only');
  }, 120_000);

  it('generates from .proto and .thrift, type-checks, serves and calls, in a project that declares nothing but it', () => {
    mkdirSync(join(project, 'proto/market'), { recursive: true });
    cpSync(join(repository, 'proto/market'), join(project, 'proto/market'), { recursive: true });
    cpSync(join(repository, 'idl/market.thrift'), join(project, 'idl/market.thrift'));
    run(project, 'npx', 'hawser', 'generate', '--proto', 'proto', '--thrift', 'idl', '--out', 'gen');
    writeFileSync(join(project, 'main.ts'), program);
    writeFileSync(join(project, 'beside.ts'), besideThrift);
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          ...{ target: 'es2022', module: 'nodenext', moduleResolution: 'nodenext', outDir: 'out', strict: true },
          ...{ verbatimModuleSyntax: true, isolatedModules: true, exactOptionalPropertyTypes: true, types: ['node'] },
          ...{ noUncheckedIndexedAccess: true, skipLibCheck: false },
        },
        include: ['main.ts', 'beside.ts', 'gen'],
      }),
    );
    run(project, 'npx', 'tsc', '-p', '.');
    expect(JSON.parse(run(project, 'node', 'out/beside.js'))).toEqual({ fish: 'cod' });
    expect(JSON.parse(run(project, 'node', 'out/main.js'))).toEqual({ grpc: 'cod', thrift: 'cod' });
  }, 240_000);
});

/** What the docs show of life beside the npm package, as its users write it: with its types. */
const besideThrift = `
import type { AddressInfo } from 'node:net';
import thrift from 'thrift';
import { createClient } from 'hawser';
import { fromApacheConnection, toApacheProcessor } from 'hawser/apache-thrift';
import { TradeHistory } from './gen/market.js';

const dateTime = { year: 1, month: 1, day: 1, hour: 1, minute: 1, second: 1 };
const sale = (fish: string) => ({ fish, price: 3, amount: { $case: 'pounds' as const, value: 3 }, dateTime, market: 1 as const });
const processor = toApacheProcessor(TradeHistory, {
  getLastSale: ({ fish }) => sale(fish),
  getLastSaleList: ({ fish }) => [...fish].map(sale),
});
const wire = { transport: thrift.TFramedTransport, protocol: thrift.TCompactProtocol };
const server = thrift.createServer(processor, undefined, wire);
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
const connection = thrift.createConnection('127.0.0.1', (server.address() as AddressInfo).port, wire);
const client = createClient(TradeHistory, fromApacheConnection(connection));
const { fish } = await client.getLastSale({ fish: 'cod' });
console.log(JSON.stringify({ fish }));
connection.end();
server.close();
process.exit(0);
`;

const program = `
import { createClient, createServer } from 'hawser';
import { TradeHistory } from './gen/market/v1/market.rpc.js';
import * as thrift from './gen/market.js';

const server = createServer()
  .add(TradeHistory, {
    getLastSale: ({ fish }) => ({ fish, price: 1, amount: undefined, dateTime: undefined, market: 0 }),
    getLastSaleList: () => ({ trades: [] }),
  })
  .add(thrift.TradeHistory, {
    getLastSale: ({ fish }) => thrift.Trade.create({ fish, price: 1 }),
    getLastSaleList: () => [],
  });
const bound = await server.listen({ grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' });
const a = createClient(TradeHistory, bound.grpc);
const b = createClient(thrift.TradeHistory, bound.thrift);
console.log(JSON.stringify({
  grpc: (await a.getLastSale({ fish: 'cod' })).fish,
  thrift: (await b.getLastSale({ fish: 'cod' })).fish,
}));
await a.$close();
await b.$close();
await server.close();
`;

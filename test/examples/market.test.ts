import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { runProgram, startProgram } from '../support/program.js';

const anywhere = ['--grpc', '127.0.0.1:0', '--thrift', '127.0.0.1:0'];

describe('the market example', () => {
  it('serves and calls over both wires, and prints what came back', async () => {
    const { code, stdout, stderr } = await runProgram('examples/market/main.ts', ['--once', ...anywhere]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/gRPC +getLastSale\(\{ fish: 'halibut' \}\) {2}-> {2}halibut at \d+\.\d\d USD in Portland/);
    expect(stdout).toMatch(
      /Thrift +getLastSale\(\{ fish: 'halibut' \}\) {2}-> {2}halibut at \d+\.\d\d USD in Portland/,
    );
    expect(stdout.match(/-> {2}BadFish.*unicorn/g)).toHaveLength(2);
    expect(stdout).toMatch(/salmon \d+\.\d\d, lingcod \d+\.\d\d/);
    expect(stdout.match(/ #\d+ .* USD /g)).toHaveLength(5);
  }, 60_000);

  it('keeps serving until it is told to stop, then ends with 0', async () => {
    const program = startProgram('examples/market/main.ts', anywhere);
    let output = '';
    program.stdout.on('data', (chunk: Buffer) => {
      const before = output.includes('Ctrl-C');
      output += chunk;
      if (!before && output.includes('Ctrl-C')) program.kill('SIGTERM');
    });
    const [code] = await once(program, 'exit');
    expect(code).toBe(0);
    expect(output).toContain('npx hawser call 127.0.0.1:');
  }, 60_000);

  it('shows its metrics to Prometheus, those of the conventions and its own', async () => {
    const program = startProgram('examples/market/main.ts', [...anywhere, '--metrics', '127.0.0.1:0']);
    let output = '';
    let page: Promise<string> | undefined;
    program.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
      const url = /http:\S+\/metrics/.exec(output)?.[0];
      if (page !== undefined || url === undefined || !output.includes('Ctrl-C')) return;
      page = fetch(url).then((response) => response.text());
      void page.finally(() => program.kill('SIGTERM'));
    });
    expect((await once(program, 'exit'))[0]).toBe(0);
    const lines = (await page)?.split('\n') ?? [];
    const method = 'rpc_method="market.v1.TradeHistory/GetLastSale"';
    expect(lines.some((line) => line.startsWith('rpc_server_call_duration_bucket{') && line.includes(method))).toBe(
      true,
    );
    expect(lines.some((line) => line.startsWith('hawser_client_attempts_total{') && line.includes(method))).toBe(true);
  }, 60_000);

  it('cuts the network and restarts the server with --chaos, and shows that both subscribers resume', async () => {
    const { code, stdout, stderr } = await runProgram('examples/market/main.ts', ['--chaos', ...anywhere]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const [, cut = ''] = stdout.split('the network is cut');
    expect(cut).toMatch(/fast: stale at \d+\n[\s\S]*the server restarts\n[\s\S]*fast: resumed, REPLAY, now at \d+/);
    expect(cut).toMatch(
      /throttled: stale at \d+\n[\s\S]*the server restarts\n[\s\S]*throttled: resumed, CONFLATED, now at \d+/,
    );
    for (const name of ['fast', 'throttled']) {
      const began = Number(new RegExp(`${name}: ready, FRESH at (\\d+)`).exec(stdout)?.[1]);
      const sums = new RegExp(`${name} .* at (\\d+) of \\d+: (\\d+) updates, (\\d+) skipped, 0 lost`).exec(stdout);
      const [at = 0, updates = 0, skipped = 0] = (sums ?? []).slice(1).map(Number);
      expect(began + updates + skipped).toBe(at);
      if (name === 'throttled') expect(skipped).toBeGreaterThan(updates);
    }
  }, 60_000);

  it('prints the trace of one call, its failed attempt and its retry as a tree', async () => {
    const { code, stdout, stderr } = await runProgram('examples/market/main.ts', ['--trace']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const shape = stdout
      .split('\n')
      .filter((line) => line.includes('─') || line.startsWith('client market'))
      .map((line) =>
        line
          .replace(/ to \S+/, '')
          .replace(/ {2,}[\d. ]+$/, '')
          .replace(/ {2,}(?=[A-Z])/, ' '),
      );
    const method = 'market.v1.TradeHistory/GetLastSale';
    expect(shape).toEqual([
      `client ${method} over grpc OK`,
      '└─ attempt 1 (first) OK',
      `   └─ server ${method} over grpc OK`,
      `      └─ client ${method} over thrift OK`,
      '         ├─ attempt 1 (first) UNAVAILABLE',
      `         │  └─ server ${method} over thrift UNAVAILABLE`,
      '         └─ attempt 2 (retry) OK',
      `            └─ server ${method} over thrift OK`,
    ]);
  }, 60_000);
});

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
});

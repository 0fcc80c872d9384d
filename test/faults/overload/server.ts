/**
 * A server whose every call burns 2 ms of CPU, at once or (`waits`) after 5 ms in which it asks somebody else. Prints its address;
 * answers each line on stdin with what it has counted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer, silentLogger } from 'hawser';
import { decoded, type Job, Work } from './service.js';

const [admits, handler] = process.argv.slice(2);
const computing = 2;

const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

let run = 0;
/** Burns processor time, not time: on a machine that others use too the two differ. */
function compute(job: Job): Job {
  run += 1;
  const end = cpu() + computing;
  while (cpu() < end);
  return job;
}

const handle = handler === 'waits' ? (job: Job) => sleep(5).then(() => compute(job)) : compute;

const server = createServer({ admission: admits === 'off' ? false : {}, logger: silentLogger }).add(Work, {
  plus: handle,
  critical: handle,
  sheddablePlus: handle,
  sheddable: handle,
});
const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
console.log(grpc);
process.stdin.on('data', () => {
  gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  console.log(JSON.stringify({ run, ...decoded, rss, heapUsed, cpu: cpu(), ...server.admission() }));
});
process.stdin.on('end', () => process.exit(0));

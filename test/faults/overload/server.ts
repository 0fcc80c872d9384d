/** A server whose every call burns 2 ms of CPU. Prints its address; answers each line on stdin with what it has counted. */
import { createServer, silentLogger } from 'hawser';
import { decoded, type Job, Work } from './service.js';

const admission = process.argv[2] === 'off' ? false : {};
const computing = Number(process.argv[3] ?? 2);

const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

let run = 0;
/** Burns processor time, not time: on a machine that others use too the two differ. */
function handle(job: Job): Job {
  run += 1;
  const end = cpu() + computing;
  while (cpu() < end);
  return job;
}

const server = createServer({ admission, logger: silentLogger }).add(Work, {
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

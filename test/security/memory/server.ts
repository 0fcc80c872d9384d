/** A server of hoard.thrift for attacks: `server.ts FOLDER MESSAGE_BYTES`, the code generated of it. Prints its address; ends with its stdin. */
import { pathToFileURL } from 'node:url';
import { createServer, type ServiceType, setDecodeLimits, silentLogger } from 'hawser';

const [folder, messageBytes] = process.argv.slice(2);
setDecodeLimits({ messageBytes: Number(messageBytes) });
const { Hoard } = (await import(pathToFileURL(`${folder}/hoard.ts`).href)) as { Hoard: ServiceType };
const server = createServer({ logger: silentLogger, admission: false });
server.add(Hoard, {
  // Holds its request for a while, as a handler that asks a database does.
  count: async ({ bag }: { bag: { nothings?: unknown[] } }) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return bag.nothings?.length ?? 0;
  },
  read: ({ page }: { page: { rows: unknown[] } }) => page.rows.length,
} as never);
const { thrift } = await server.listen({ thrift: '127.0.0.1:0' });
console.log(thrift);
process.stdin.resume().on('end', () => process.exit(0));

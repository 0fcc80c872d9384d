/**
 * How the program ends: with 0, 1 or 2, and with a sentence where it is not 0. Node ends a program that waits for a promise which
 * nothing is left to settle, in silence; that is told here and is a failure. A handle that a command forgot keeps nobody waiting.
 */

/** ms that what a command left open may keep the program running. */
const patience = 5_000;

/** Runs `command`, which resolves to the exit code. `name` begins the sentences: `hawser call`. */
export function endWith(name: string, command: () => Promise<number>): void {
  let settled = false;
  const fail = (sentence: string): void => {
    settled = true;
    process.exitCode = 1;
    console.error(`${name}: ${sentence}`);
  };
  process.on('exit', () => {
    if (!settled)
      fail('it ended before it was done: it waits for something that can no longer come. This is a fault of hawser.');
  });
  process.on('uncaughtException', (error) => {
    fail(described(error));
    process.exit(1);
  });
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') fail(described(error));
    else fail('nobody reads its output any more.');
    process.exit(1);
  });
  // There is nobody left to tell; the exit code says it all.
  process.stderr.on('error', () => {});
  const begin = async (): Promise<number> => command();
  begin().then(
    (code) => {
      settled = true;
      process.exitCode = code;
      setTimeout(() => process.exit(), patience).unref();
    },
    (error: unknown) => {
      fail(described(error));
      setTimeout(() => process.exit(), patience).unref();
    },
  );
}

/** What the operating system refuses has its path and its reason in the message, and no fault of hawser to find in a stack. */
function described(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { syscall } = error as NodeJS.ErrnoException;
  return syscall === undefined ? (error.stack ?? error.message) : error.message;
}

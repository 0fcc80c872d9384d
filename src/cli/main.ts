#!/usr/bin/env node
/** The `hawser` program: a table of commands, each of them a file here. */
import { createRequire } from 'node:module';
import { endWith } from './ending.js';
import { UsageError } from './usage.js';

interface Command {
  /** A line for the list of commands. */
  readonly summary: string;
  readonly help: string;
  /** Resolves to the exit code. Throws a UsageError, or what parseArgs throws. */
  run(args: readonly string[]): Promise<number>;
}

/** Loaded when used: a call does not wait for the generator to load. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  generate: () => import('./generate.js'),
  call: () => import('./call.js'),
  subscribe: () => import('./subscribe.js'),
  explain: () => import('./explain.js'),
  breaking: () => import('./breaking.js'),
  store: () => import('./store.js'),
};

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    console.log(await overview());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === 'version') {
    console.log(version());
    return 0;
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) {
    console.error(
      `hawser: there is no command ${JSON.stringify(name)}; there is ${Object.keys(commands).join(', ')}. See hawser --help.`,
    );
    return 2;
  }
  const command = await load();
  const options = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (options.includes('--help') || options.includes('-h')) {
    console.log(command.help);
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (!(error instanceof UsageError) && !isParseError(error)) throw error;
    console.error(`hawser ${name}: ${sentence(error.message)} See hawser ${name} --help.`);
    return 2;
  }
}

async function overview(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => `  ${name.padEnd(12)}${(await load()).summary}`),
  );
  return [
    'usage: hawser COMMAND [options]',
    '',
    ...lines,
    '',
    'hawser COMMAND --help tells more; hawser --version tells its version.',
  ].join('\n');
}

/** Of the package that this file is in, built or not. */
function version(): string {
  const manifest = createRequire(import.meta.url)('hawser/package.json') as { readonly version: string };
  return manifest.version;
}

/** What node:util's parseArgs throws for options it does not know, and for missing or surplus values. */
function isParseError(error: unknown): error is Error {
  const code = (error as { code?: unknown } | null)?.code;
  return error instanceof Error && typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS');
}

function sentence(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

const args = process.argv.slice(2);
endWith(args[0] !== undefined && Object.hasOwn(commands, args[0]) ? `hawser ${args[0]}` : 'hawser', () => main(args));

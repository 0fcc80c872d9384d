/** What may be chosen of generated code, as the command line and the options of the plugin say it. */
import { defaultEmit, type EmitOptions } from '../codegen/proto/emit/options.js';
import { UsageError } from './usage.js';

/** Names without dashes in front. */
export type EmitFlags = { readonly [name in keyof typeof choices | 'messages-only']?: string | boolean | undefined };

const choices = {
  'import-extension': { ts: '.ts', js: '.js', none: '' },
  int64: { bigint: 'bigint', string: 'string' },
  enums: { const: 'const', number: 'number' },
} as const;

/** Throws a UsageError that names the choices. */
export function emitOptions(flags: EmitFlags): EmitOptions {
  const chosen = <Name extends keyof typeof choices>(
    name: Name,
  ): (typeof choices)[Name][keyof (typeof choices)[Name]] | undefined => {
    const value = flags[name];
    if (value === undefined) return undefined;
    const all = choices[name];
    if (typeof value === 'string' && Object.hasOwn(all, value)) return all[value as keyof typeof all];
    throw new UsageError(`--${name} is ${JSON.stringify(value)}; it is one of ${Object.keys(all).join(', ')}.`);
  };
  return {
    int64: chosen('int64') ?? defaultEmit.int64,
    enums: chosen('enums') ?? defaultEmit.enums,
    importSuffix: chosen('import-extension') ?? defaultEmit.importSuffix,
    messagesOnly: flags['messages-only'] === true || flags['messages-only'] === 'true',
  };
}

/** The options of the plugin: `import-extension=ts,messages-only`. */
export function pluginOptions(parameter: string): EmitOptions {
  const flags: Record<string, string | boolean> = {};
  for (const part of parameter.split(',').filter((one) => one !== '')) {
    const [name = '', value] = part.split('=', 2);
    if (name !== 'messages-only' && !Object.hasOwn(choices, name)) {
      throw new UsageError(
        `protoc-gen-hawser has no option ${JSON.stringify(name)}; it has ${[...Object.keys(choices), 'messages-only'].join(', ')}.`,
      );
    }
    flags[name] = value ?? true;
  }
  return emitOptions(flags);
}

/**
 * The Thrift compiler: `.thrift` files in, TypeScript modules out. Accepts and refuses what
 * Apache's compiler does (0.24); everything it consumes is bounded by `ThriftLimits`.
 */
import { statSync } from 'node:fs';
import { byPlace, type Diagnostic } from '../diagnostic.js';
import { printFile } from './emit/file.js';
import { Modules } from './emit/module.js';
import { belowInclude, findInputs, outputPath } from './inputs.js';
import { defaultLimits, type ThriftLimits } from './limits.js';
import { displayName, Loader } from './loader.js';
import { readPolicies, type ServicePolicy } from './policy.js';
import type { Program, ServiceDefinition } from './program.js';

export { fingerprint } from './fingerprint.js';
export { defaultLimits, type ThriftLimits } from './limits.js';
export { type FunctionPolicy, readPolicies, type ServicePolicy } from './policy.js';
export * from './program.js';

export interface CompileThriftOptions {
  /** Folders, of which every `*.thrift` below is compiled, or single files. */
  readonly roots: readonly string[];
  /** Folders that includes are looked for in, after the folder of the including file and before the roots. */
  readonly includes: readonly string[];
  /** Called with each file as it is read. */
  readonly onFile?: (path: string) => void;
  readonly limits?: Partial<ThriftLimits>;
  /** How imports of other modules end: `.js`. */
  readonly importSuffix?: string | undefined;
}

export interface CompiledThrift {
  /** Text by path relative to the output folder, with forward slashes. Empty when there are errors. */
  readonly files: ReadonlyMap<string, string>;
  readonly diagnostics: readonly Diagnostic[];
  readonly services: number;
  readonly methods: number;
  /** Files that were compiled, included ones too. */
  readonly inputs: number;
}

export function compileThrift(options: CompileThriftOptions): CompiledThrift {
  const limits = { ...defaultLimits, ...options.limits };
  // Many trees are written for `-I` at their root, as `import` of .proto files is.
  const loader = new Loader([...options.includes, ...options.roots.filter(isFolder)], limits, options.onFile);
  const { inputs, problems } = findInputs(options.roots, limits.files);
  for (const { path, message } of problems) loader.fail(displayName(path), message);
  for (const { path } of inputs) loader.load(path);

  const below = new Map(inputs.map((input) => [input.real, input.below]));
  const planned = new Map<Program, string>();
  const owners = new Map<string, Program>();
  for (const [real, program] of loader.programs) {
    const path = outputPath(below.get(real) ?? belowInclude(real, options.includes));
    const other = owners.get(path);
    if (other !== undefined) {
      const message = `this file and ${other.source.name} would both become ${path}; rename one of them, or generate them apart`;
      loader.fail(program.source.name, message);
    }
    owners.set(path, program);
    planned.set(program, path);
  }

  const policies = new Map<ServiceDefinition, ServicePolicy>();
  for (const program of loader.programs.values()) {
    for (const [service, policy] of readPolicies(program)) policies.set(service, policy);
  }
  const files = new Map<string, string>();
  if (!loader.hasErrors) {
    const modules = new Modules(planned, options.importSuffix);
    const policyOf = (service: ServiceDefinition): ServicePolicy =>
      policies.get(service) ?? { version: undefined, policy: {}, functions: new Map() };
    for (const [program, path] of [...planned].sort(([, a], [, b]) => (a < b ? -1 : 1))) {
      files.set(path, printFile(program, modules, policyOf, path.replace(/\.ts$/, '.thrift')));
    }
  }
  return {
    files,
    diagnostics: loader.diagnostics.sort(byPlace),
    services: policies.size,
    methods: [...policies.values()].reduce((sum, { functions }) => sum + functions.size, 0),
    inputs: loader.programs.size,
  };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

export interface ReadThrift {
  /** The models of the files below the roots, with the path of each below its root. Empty when there are errors. */
  readonly inputs: ReadonlyMap<Program, string>;
  readonly diagnostics: readonly Diagnostic[];
}

/** The resolved models of all files below the roots, for those who generate nothing. */
export function readThrift(roots: readonly string[], includes: readonly string[]): ReadThrift {
  const loader = new Loader([...includes, ...roots.filter(isFolder)], defaultLimits);
  const { inputs, problems } = findInputs(roots, defaultLimits.files);
  for (const { path, message } of problems) loader.fail(displayName(path), message);
  const programs = new Map<Program, string>();
  for (const { path, below } of inputs) {
    const program = loader.load(path);
    if (program !== undefined) programs.set(program, below);
  }
  for (const program of loader.programs.values()) readPolicies(program);
  return { inputs: loader.hasErrors ? new Map() : programs, diagnostics: loader.diagnostics.sort(byPlace) };
}

/** Every `*.thrift` below a folder, or the file itself. */
export function thriftFiles(root: string): string[] {
  return findInputs([root], defaultLimits.files).inputs.map(({ path }) => path);
}

export interface ParsedThrift {
  /** The file's model; undefined when it cannot be read at all. Only to be relied on without errors. */
  readonly program: Program | undefined;
  /** All files of the run, dependencies first. */
  readonly programs: readonly Program[];
  readonly diagnostics: readonly Diagnostic[];
}

/** The resolved model of one file and all it includes. */
export function parseThrift(
  path: string,
  includes: readonly string[] = [],
  limits: Partial<ThriftLimits> = {},
): ParsedThrift {
  const loader = new Loader(includes, { ...defaultLimits, ...limits });
  const program = loader.load(path);
  return { program, programs: [...loader.programs.values()], diagnostics: loader.diagnostics.sort(byPlace) };
}

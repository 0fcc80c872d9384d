/**
 * From `.proto` files to TypeScript modules, all in memory: buf compiles, ts-proto prints the messages, and
 * the services, error classes and descriptors are ours. Nothing is printed while there is an error.
 */
import { create, createFileRegistry, type DescFile, type DescMessage, type FileRegistry } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { byPlace, type Diagnostic } from '../diagnostic.js';
import { compile } from './buf.js';
import { printDescriptors } from './desc-module.js';
import { printAlias, printModule } from './emit/module.js';
import { defaultEmit, type EmitOptions } from './emit/options.js';
import { groupSources } from './groups.js';
import { typeNames } from './names.js';
import { modulePath } from './paths.js';
import { PolicyReader } from './policy.js';
import { prepareFile } from './prepare.js';
import { type CheckedService, checkService, printRpcModule } from './rpc-module.js';
import { type ProtoSources, readSources } from './sources.js';
import { encodePath, printTypes, typeOptions } from './types.js';
import { warnOfRules } from './validation.js';

export interface ProtoOptions {
  /** Folders or files to generate from. */
  readonly roots: readonly string[];
  /** Folders that are only imported from. */
  readonly includes: readonly string[];
  /** Called with each input as its code is ready. */
  readonly onFile?: (path: string) => void;
  readonly emit?: Partial<EmitOptions> | undefined;
}

export interface ProtoResult {
  /** Text by path below the output folder. Empty when there is an error. */
  readonly files: ReadonlyMap<string, string>;
  /** For messages about an output: the input it is from. */
  readonly origins: ReadonlyMap<string, string>;
  readonly diagnostics: readonly Diagnostic[];
  readonly inputs: number;
  readonly services: number;
  readonly methods: number;
}

/** Throws a ToolError when buf or ts-proto is missing or does not run. */
export async function compileProto(options: ProtoOptions): Promise<ProtoResult> {
  const sources = readSources(options.roots, options.includes);
  const diagnostics = [...sources.diagnostics];
  const units: Unit[] = [];
  for (const group of groupSources(sources)) {
    const compiled = await compile(group, sources.files);
    diagnostics.push(...compiled.diagnostics.filter((one) => !isKnown(one, sources.diagnostics)));
    if (compiled.files.length > 0) units.push(new Unit(compiled.files, group.inputs, sources));
  }
  return printUnits(units, sources, diagnostics, options);
}

/** The same of files that another compiler has read, as a protoc plugin is given them: dependencies first. */
export function generateCompiled(
  files: readonly FileDescriptorProto[],
  inputs: readonly string[],
  emit: Partial<EmitOptions> = {},
): Promise<ProtoResult> {
  const sources: ProtoSources = { files: new Map(), inputs, diagnostics: [] };
  return printUnits([new Unit(files, inputs, sources)], sources, [], { emit });
}

async function printUnits(
  units: readonly Unit[],
  sources: ProtoSources,
  diagnostics: Diagnostic[],
  options: Pick<ProtoOptions, 'onFile' | 'emit'> = {},
): Promise<ProtoResult> {
  const { onFile, emit } = options;
  for (const unit of units) diagnostics.push(...unit.check());
  const counts = {
    inputs: sources.inputs.length,
    services: units.reduce((sum, unit) => sum + unit.services.length, 0),
    methods: units.reduce((sum, unit) => sum + unit.services.reduce((all, one) => all + one.methods.length, 0), 0),
  };
  const files = new Map<string, string>();
  const origins = new Map<string, string>();
  diagnostics.sort(byPlace);
  if (diagnostics.some((one) => one.severity === 'error')) return { files, origins, diagnostics, ...counts };
  for (const unit of units) {
    for (const { path, text, source } of await unit.print({ ...defaultEmit, ...emit })) {
      const other = origins.get(path);
      if (other !== undefined && files.get(path) !== text) {
        const shown = sources.files.get(source)?.display ?? source;
        const message = `This file and ${sources.files.get(other)?.display ?? other} both make ${path}; rename one of them.`;
        diagnostics.push({ severity: 'error', message, file: shown, line: 0, column: 0 });
      }
      files.set(path, text);
      origins.set(path, source);
    }
    for (const input of unit.inputs) onFile?.(sources.files.get(input)?.display ?? input);
  }
  return {
    files: diagnostics.some((one) => one.severity === 'error') ? new Map() : files,
    origins,
    diagnostics,
    ...counts,
  };
}

interface Printed {
  /** Below the output folder. */
  readonly path: string;
  readonly text: string;
  /** Import name of the file it is from. */
  readonly source: string;
}

/** An import that is nowhere was found before buf ran, and said better. */
function isKnown(found: Diagnostic, known: readonly Diagnostic[]): boolean {
  return (
    /^Import(?:ed file| path)\b/.test(found.message) &&
    known.some((one) => one.file === found.file && one.line === found.line)
  );
}

/** Files that were compiled together. */
class Unit {
  services: readonly CheckedService[] = [];
  private readonly registry: FileRegistry;

  constructor(
    private readonly compiled: readonly FileDescriptorProto[],
    readonly inputs: readonly string[],
    private readonly sources: ProtoSources,
  ) {
    this.registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...compiled] }));
  }

  check(): Diagnostic[] {
    const reader = new PolicyReader(this.registry, this.sources.files);
    this.services = this.inputs.flatMap((input) =>
      (this.file(input)?.services ?? []).map((service) => checkService(service, reader, this.registry)),
    );
    return [...reader.diagnostics, ...warnOfRules(this.inputs, this.registry, this.sources.files)];
  }

  async print(emit: EmitOptions): Promise<Printed[]> {
    const names = typeNames(this.compiled);
    const errors = new Set(this.services.flatMap((one) => one.methods.flatMap((method) => method.errors)));
    const needed = this.needed(errors);
    const printed: Printed[] = [];
    const put = (source: string, suffix: '' | '.rpc' | '.desc', text: string): void => {
      printed.push({ path: modulePath(source, suffix), text, source });
    };
    const sorted = [...needed].sort();
    const prepared = this.compiled.map((file) => prepareFile(file, names, this.registry, emit.enums));
    const types = await printTypes(prepared, sorted, typeOptions(emit.int64, emit.importSuffix));
    for (const source of sorted) {
      const file = this.file(source);
      if (file === undefined) continue;
      put(source, '', printModule(file, types.get(source) ?? '', names, emit));
      const spelled = encodePath(source);
      const imported = this.compiled.some(({ name, dependency }) => needed.has(name) && dependency.includes(source));
      if (spelled !== source && imported) put(spelled, '', printAlias(source, spelled, emit.importSuffix));
      const services = this.services.filter((one) => one.service.file === file);
      const own = [...errors].filter((message) => message.file === file);
      const module = { file, services, errors: own, importSuffix: emit.importSuffix };
      if (!emit.messagesOnly && services.length + own.length > 0) put(source, '.rpc', printRpcModule(module, names));
    }
    if (emit.messagesOnly) return printed;
    for (const file of this.closure([...this.services.map((one) => one.service.file), ...this.errorDetails()])) {
      put(`${file.name}.proto`, '.desc', printDescriptors(file, emit.importSuffix));
    }
    return printed;
  }

  /** What errors are made of: no method names them, and reflection is asked for them all the same. */
  private errorDetails(): DescFile[] {
    const files = this.inputs.map((input) => this.file(input));
    return files.filter((file) => file !== undefined && file.proto.package === 'google.rpc') as DescFile[];
  }

  private file(name: string): DescFile | undefined {
    return this.registry.getFile(name);
  }

  /** The inputs, and the files with messages and enums that these use; not what is imported for options. */
  private needed(errors: ReadonlySet<DescMessage>): Set<string> {
    const files = new Set(this.inputs);
    const types = new Set<DescMessage>(errors);
    for (const input of this.inputs) for (const message of this.file(input)?.messages ?? []) types.add(message);
    for (const { service } of this.services)
      for (const { input, output } of service.methods) types.add(input).add(output);
    const whole = (file: DescFile): void => {
      const name = `${file.name}.proto`;
      if (files.has(name)) return;
      files.add(name);
      // ts-proto prints files, not messages: all that this one holds must resolve too.
      for (const message of file.messages) types.add(message);
    };
    for (const type of types) {
      whole(type.file);
      for (const nested of type.nestedMessages) types.add(nested);
      for (const field of type.fields) {
        if (field.message !== undefined) types.add(field.message);
        if (field.enum !== undefined) whole(field.enum.file);
      }
    }
    return files;
  }

  private closure(files: readonly DescFile[]): Set<DescFile> {
    const all = new Set(files);
    for (const file of all) for (const one of file.dependencies) all.add(one);
    return all;
  }
}

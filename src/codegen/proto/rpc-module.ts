/**
 * Prints `<file>.rpc.ts`: the services of a file, and an error class for each of its messages that some
 * method declares as an error. Messages are in `<file>.ts`, made by ts-proto.
 */
import { type DescFile, type DescMessage, type DescService, type Registry, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import type { Policy } from '../../contract/policy.js';
import { declarationName, localNames, methodCase, notOnClient, Scope } from '../names.js';
import {
  builderImports,
  docLines,
  type MethodModel,
  printService,
  propertyName,
  type ServiceModel,
} from '../service-printer.js';
import { fingerprint } from './fingerprint.js';
import { memberNames, type TypeNames } from './names.js';
import { header, importSpecifier, modulePath } from './paths.js';
import { elementPath, leadingComment } from './place.js';
import { kindOf, type PolicyReader } from './policy.js';

/** A service, read and checked. */
export interface CheckedService {
  readonly service: DescService;
  readonly policy: Policy;
  readonly version: string | undefined;
  readonly methods: readonly { readonly policy: Policy; readonly errors: readonly DescMessage[] }[];
}

/** Reads the policies of a service, and resolves the errors its methods declare. */
export function checkService(service: DescService, reader: PolicyReader, registry: Registry): CheckedService {
  const { policy, version } = reader.service(service);
  const names = namesOfMethods(service);
  const methods = service.methods.map((method, index) => {
    const read = reader.method(method, policy);
    const report = reader.reporter(method);
    const name = `${service.typeName}/${method.name}`;
    const unheld = notOnClient(name, names[index] ?? '');
    if (unheld !== undefined) report('', `${unheld}.`, 'warning');
    const errors: DescMessage[] = [];
    for (const written of read.errors) {
      const message = resolveMessage(written, service.file.proto.package, registry);
      if (message === undefined)
        report('errors', `${name}: errors names "${written}", and there is no message of that name; import its file.`);
      else if (errors.includes(message)) report('errors', `${name}: errors names ${message.typeName} twice.`);
      else errors.push(message);
    }
    return { policy: read.policy, errors };
  });
  return { service, policy, version, methods };
}

/** What the methods are called in TypeScript. */
function namesOfMethods(service: DescService): string[] {
  return localNames(
    service.methods.map(({ name }) => name),
    methodCase,
  );
}

/** A type name as protobuf resolves it: from the innermost package outwards; with a leading dot from the root. */
function resolveMessage(written: string, packageName: string, registry: Registry): DescMessage | undefined {
  if (written.startsWith('.')) return registry.getMessage(written.slice(1));
  const scope = packageName === '' ? [] : packageName.split('.');
  for (let depth = scope.length; depth >= 0; depth--) {
    const found = registry.getMessage([...scope.slice(0, depth), written].join('.'));
    if (found !== undefined) return found;
  }
  return undefined;
}

export interface RpcModule {
  readonly file: DescFile;
  readonly services: readonly CheckedService[];
  /** The messages of this file that are errors of any method, of this file or another. */
  readonly errors: readonly DescMessage[];
  /** How imports of other modules end. */
  readonly importSuffix: string;
}

export function printRpcModule(module: RpcModule, names: TypeNames): string {
  return new RpcPrinter(module, names).print();
}

class RpcPrinter {
  private readonly path: string;
  private readonly scope: Scope;
  /** Import lines, by specifier: exported name and local name. */
  private readonly imports = new Map<string, Map<string, string>>();
  private readonly exported = new Map<DescMessage | DescService, string>();

  constructor(
    private readonly module: RpcModule,
    private readonly names: TypeNames,
  ) {
    this.path = modulePath(`${module.file.name}.proto`, '.rpc');
    this.scope = new Scope([
      'defineService',
      'unary',
      'oneway',
      'serverStream',
      'clientStream',
      'bidi',
      'topicStream',
      'protoCodec',
      'ProtoError',
      'protoErrorCodec',
      'Codec',
      'InitOf',
      'Uint8Array',
    ]);
    for (const { service } of module.services)
      this.exported.set(service, this.scope.declare(declarationName(service.name)));
    for (const message of module.errors) this.exported.set(message, this.scope.declare(this.localOf(message)));
  }

  print(): string {
    const errors = this.module.errors.map((message) => this.printError(message));
    const models = this.module.services.map((one) => this.model(one));
    const services = models.map((model) => printService(model));
    const runtime = new Set<string>();
    if (models.length > 0)
      for (const name of [
        ...builderImports(models),
        ...(models.some((one) => one.methods.length > 0) ? ['protoCodec', 'type InitOf'] : []),
      ])
        runtime.add(name);
    if (errors.length > 0)
      for (const name of ['type Codec', 'type InitOf', 'ProtoError', 'protoErrorCodec']) runtime.add(name);
    const byName = (a: string, b: string): number => (a.replace('type ', '') < b.replace('type ', '') ? -1 : 1);
    const lines = [`import { ${[...runtime].sort(byName).join(', ')} } from "hawser/proto";`];
    for (const [specifier, imported] of [...this.imports].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const parts = [...imported].sort().map(([name, local]) => (name === local ? name : `${name} as ${local}`));
      lines.push(`import { ${parts.join(', ')} } from ${JSON.stringify(specifier)};`);
    }
    const sections = [header(`${this.module.file.name}.proto`) + lines.join('\n'), ...errors, ...services];
    return `${sections.join('\n\n')}\n`;
  }

  private model({ service, policy, version, methods }: CheckedService): ServiceModel {
    const localMethods = namesOfMethods(service);
    return {
      name: service.typeName,
      localName: this.exported.get(service) ?? service.name,
      doc: leadingComment(service.file, elementPath(service)),
      version,
      idl: 'proto',
      fingerprint: fingerprint(service),
      policy,
      methods: service.methods.map((method, index): MethodModel => {
        const request = this.message(method.input);
        const response = this.message(method.output);
        return {
          name: method.name,
          localName: localMethods[index] ?? method.name,
          kind: kindOf(method),
          doc: leadingComment(service.file, elementPath(method)),
          requestType: request,
          responseType: response,
          initType: `InitOf<${request}>`,
          outType: `InitOf<${response}>`,
          request: `protoCodec(${request})`,
          response: `protoCodec(${response})`,
          errors: (methods[index]?.errors ?? []).map((message, at) => ({ id: at + 1, type: this.errorClass(message) })),
          policy: methods[index]?.policy ?? {},
          keyProperty: propertyNamed(method.input, methods[index]?.policy.keyField),
          topicKey: propertyNamed(method.output, methods[index]?.policy.topic?.key),
        };
      }),
      descriptors: `${this.import(modulePath(`${service.file.name}.proto`, '.desc'), 'file', '$file')}.withImports`,
    };
  }

  private printError(message: DescMessage): string {
    const name = this.exported.get(message) ?? message.name;
    const fields = this.import(modulePath(`${message.file.name}.proto`, ''), this.localOf(message), `${name}Fields`);
    const members = membersOf(message);
    const renamed = members
      .filter(({ field, local }) => field !== local)
      .map(({ field, local }) => `${propertyName(field)}: ${JSON.stringify(local)}`);
    const last = renamed.length === 0 ? '' : `, { ${renamed.join(', ')} }`;
    const lines = [
      ...docLines(
        leadingComment(message.file, elementPath(message)),
        '',
        message.proto.options?.deprecated === true ? { deprecated: {} } : {},
      ),
      `export class ${name} extends ProtoError<${fields}> {`,
      `  static readonly typeName = ${JSON.stringify(message.typeName)};`,
      `  static readonly codec: Codec<${name}> = protoErrorCodec(${fields}, (fields) => new ${name}(fields)${last});`,
      '',
    ];
    for (const { field, local, optional, doc } of members) {
      lines.push(
        ...docLines(doc, '  '),
        `  declare readonly ${propertyName(local)}${optional ? '?' : ''}: ${fields}[${JSON.stringify(field)}];`,
      );
    }
    if (members.length > 0) lines.push('');
    lines.push(`  constructor(fields: InitOf<${fields}> = {}) {`, `    super(${fields}, fields${last});`, '  }', '}');
    return lines.join('\n');
  }

  private message(message: DescMessage): string {
    const local = this.localOf(message);
    return this.import(modulePath(`${message.file.name}.proto`, ''), local, local);
  }

  private errorClass(message: DescMessage): string {
    const own = this.exported.get(message);
    if (own !== undefined) return own;
    const local = this.localOf(message);
    return this.import(modulePath(`${message.file.name}.proto`, '.rpc'), local, `${local}Error`);
  }

  private localOf(message: DescMessage): string {
    return this.names.get(message.typeName)?.local ?? message.name;
  }

  /** The local name of something that another generated module exports. */
  private import(module: string, name: string, wanted: string): string {
    const specifier = importSpecifier(this.path, module, this.module.importSuffix);
    const imported = this.imports.get(specifier) ?? new Map<string, string>();
    this.imports.set(specifier, imported);
    const known = imported.get(name);
    if (known !== undefined) return known;
    const local = this.scope.internal(wanted);
    imported.set(name, local);
    return local;
  }
}

interface Member {
  /** On the message. */
  readonly field: string;
  /** On the class. */
  readonly local: string;
  readonly optional: boolean;
  readonly doc: string | undefined;
}

/** What an Error has already, or the class does. */
const errorMembers = new Set(['name', 'message', 'stack', 'cause']);

/** The properties of a message in TypeScript: a field each, but one for a whole oneof. */
function membersOf(message: DescMessage): Member[] {
  const { fields, oneofs } = memberNames(message.proto);
  return message.members.map((member): Member => {
    if (member.kind === 'oneof') {
      const field = propertyOf(oneofs[message.proto.oneofDecl.indexOf(member.proto)] ?? member.name);
      return { field, local: freeOf(field, false), optional: true, doc: undefined };
    }
    const field = propertyOf(fields[message.proto.field.indexOf(member.proto)] ?? member.name);
    const implicit = member.presence === FeatureSet_FieldPresence.IMPLICIT;
    // A plain string may stand where Error has one; what may be absent, or is no string, may not.
    const plain = member.fieldKind === 'scalar' && member.scalar === ScalarType.STRING && implicit;
    return {
      field,
      local: freeOf(field, plain && (field === 'name' || field === 'message')),
      optional: member.fieldKind !== 'list' && member.fieldKind !== 'map' && !implicit,
      doc: leadingComment(message.file, elementPath(member)),
    };
  });
}

/** What a field is called on the message. */
function propertyNamed(message: DescMessage, field: string | undefined): string | undefined {
  const at = message.fields.findIndex((one) => one.name === field);
  return at < 0 ? undefined : propertyOf(memberNames(message.proto).fields[at] ?? message.fields[at]?.name ?? '');
}

function propertyOf(name: string): string {
  return name;
}

function freeOf(field: string, fits: boolean): string {
  return errorMembers.has(field) && !fits ? `${field}_` : field;
}

/** Prints `<file>.desc.ts`: the compiled file in base64, for reflection. Files of services have one, google.rpc's error details, and what these import. */
import { clone, type DescFile, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { header, importSpecifier, modulePath } from './paths.js';

export function printDescriptors(file: DescFile, importSuffix: string): string {
  const proto = clone(FileDescriptorProtoSchema, file.proto);
  delete proto.sourceCodeInfo;
  const path = modulePath(`${file.name}.proto`, '.desc');
  const imports = file.dependencies.map((one, index) => {
    const specifier = importSpecifier(path, modulePath(`${one.name}.proto`, '.desc'), importSuffix);
    return `import { file as file${index} } from ${JSON.stringify(specifier)};\n`;
  });
  const base64 = Buffer.from(toBinary(FileDescriptorProtoSchema, proto)).toString('base64');
  const list = file.dependencies.map((_, index) => `file${index}`).join(', ');
  return [
    header(`${file.name}.proto`),
    'import { type FileDescriptor, fileDescriptor } from "hawser/proto";\n',
    ...imports,
    `\nexport const file: FileDescriptor = fileDescriptor(\n  ${JSON.stringify(base64)},\n  [${list}],\n);\n`,
  ].join('');
}

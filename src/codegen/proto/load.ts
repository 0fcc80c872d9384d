/** Compiled `.proto` files for those who need descriptors and no code: `hawser call`. */
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { formatDiagnostic } from '../diagnostic.js';
import { compile } from './buf.js';
import { groupSources } from './groups.js';
import { readSources } from './sources.js';

/**
 * The descriptors of all files below `roots` and of what they import, dependencies first. Throws an Error
 * with all diagnostics; a ToolError when buf is missing.
 */
export async function loadProto(
  roots: readonly string[],
  includes: readonly string[],
): Promise<readonly FileDescriptorProto[]> {
  const sources = readSources(roots, includes);
  const diagnostics = [...sources.diagnostics];
  const files = new Map<string, FileDescriptorProto>();
  for (const group of groupSources(sources)) {
    const compiled = await compile(group, sources.files);
    diagnostics.push(...compiled.diagnostics);
    for (const file of compiled.files) if (!files.has(file.name)) files.set(file.name, file);
  }
  const errors = diagnostics.filter((one) => one.severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(formatDiagnostic).join('\n'));
  return [...files.values()];
}

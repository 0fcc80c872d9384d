/** The verdict for people at a terminal, for programs, and for GitHub's annotations. */
import { formatDiagnostic } from '../diagnostic.js';
import type { Change } from './change.js';
import { type Severity, severities } from './rules.js';
import type { ServiceVerdict, Verdict } from './verdict.js';

export const reportFormats = ['text', 'json', 'github'] as const;
export type ReportFormat = (typeof reportFormats)[number];

export function report(verdict: Verdict, format: ReportFormat): string {
  switch (format) {
    case 'json':
      return json(verdict);
    case 'github':
      return github(verdict);
    default:
      return text(verdict);
  }
}

function text(verdict: Verdict): string {
  const lines: string[] = [];
  const explained = new Set<string>();
  let file: string | undefined;
  for (const change of verdict.changes) {
    if (change.place.file !== file) {
      file = change.place.file;
      lines.push(`${lines.length === 0 ? '' : '\n'}${file}${change.isOld ? ' (as it was)' : ''}`);
    }
    lines.push(...changeLines(change, !explained.has(change.rule)));
    explained.add(change.rule);
  }
  if (verdict.changes.length > 0) lines.push('');
  for (const { change, reason } of verdict.accepted) {
    lines.push(`accepted: ${change.message} [${change.rule}]`, `    ${reason}`);
  }
  if (verdict.accepted.length > 0) lines.push('');
  lines.push(...summary(verdict));
  return lines.join('\n');
}

function changeLines(change: Change, explain: boolean): string[] {
  const { place, severity, rule, message, why } = change;
  const where = place.line > 0 ? `${place.line}:${place.column} ` : '';
  const head = `  ${where}${severity}: ${message} [${rule}]`;
  if (severity === 'compatible') return [head];
  const [, ...quote] = formatDiagnostic({ ...place, severity: 'error', message: '' }).split('\n');
  return [head, ...quote.map((line) => `    ${line}`), ...(explain ? [`      ${why}`] : [])];
}

function summary({ changes, accepted, ignored, services, undeclared, isCompatible }: Verdict): string[] {
  const excepted = [
    ...(accepted.length === 0 ? [] : [`${accepted.length} accepted`]),
    ...(ignored === 0 ? [] : [`${ignored} ignored`]),
  ].join(', ');
  if (changes.length === 0) {
    return [
      excepted === ''
        ? 'Nothing has changed that a peer or a program could notice.'
        : `Nothing has changed but what the exceptions cover: ${excepted}.`,
    ];
  }
  const counts = severities.flatMap((severity) => {
    const count = changes.filter((change) => change.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}`];
  });
  const lines = [
    `${changes.length} ${changes.length === 1 ? 'change' : 'changes'}: ${counts.join(', ')}${excepted === '' ? '' : `; besides, ${excepted}`}.`,
  ];
  for (const service of services) lines.push(serviceLine(service));
  if (undeclared.length > 0 && services.every((service) => service.isEnough)) {
    lines.push(
      `${undeclared.length} of them break peers or their meaning, and no declared version makes room for that: undo them, ` +
        'or declare a version on the service and raise it.',
    );
  }
  lines.push(isCompatible ? 'The change may be released as it is.' : 'The change must not be released as it is.');
  return lines;
}

function serviceLine({ service, idl, bump, versions, isEnough }: ServiceVerdict): string {
  const name = `${service} (${idl})`;
  if (versions === undefined) {
    return isEnough
      ? `${name} declares no version; nothing breaks its peers.`
      : `${name} declares no version, and these changes break its peers; they need a new major.`;
  }
  const { before, after, needed } = versions;
  return isEnough
    ? `${name} goes from ${before} to ${after}; these changes need ${needed}, a ${bump} version.`
    : `${name} needs ${needed}, a ${bump} version, after ${before}; it declares ${after}.`;
}

function json({ changes, accepted, ignored, warnings, services, isCompatible }: Verdict): string {
  const plain = ({ rule, severity, bump, element, message, why, place, isOld }: Change): Record<string, unknown> => ({
    rule,
    severity,
    bump,
    element,
    file: place.file,
    line: place.line,
    column: place.column,
    in: isOld ? 'old' : 'new',
    message,
    why,
  });
  const report = {
    compatible: isCompatible,
    changes: changes.map(plain),
    accepted: accepted.map(({ change, reason }) => ({ ...plain(change), reason })),
    ignored,
    warnings,
    services,
  };
  return JSON.stringify(report, undefined, 2);
}

const annotation: Readonly<Record<Severity, 'error' | 'warning' | 'notice'>> = {
  wire: 'error',
  semantic: 'error',
  json: 'warning',
  source: 'warning',
  compatible: 'notice',
};

/** Workflow commands: one annotation a change, at its line where the file is still there. */
function github(verdict: Verdict): string {
  const lines = verdict.changes.map(({ rule, severity, place, isOld, message, why }) => {
    const at = isOld || place.line === 0 ? '' : `file=${property(place.file)},line=${place.line},col=${place.column},`;
    const was = isOld ? ` (${place.file}:${place.line})` : '';
    return `::${annotation[severity]} ${at}title=${property(rule)}::${data(`${message}${was} ${why}`)}`;
  });
  for (const { change, reason } of verdict.accepted) {
    lines.push(`::notice title=${property(`${change.rule} accepted`)}::${data(`${change.message} ${reason}`)}`);
  }
  for (const warning of verdict.warnings) lines.push(`::warning title=hawser breaking::${data(warning)}`);
  const word = verdict.isCompatible ? 'notice' : 'error';
  const last = `::${word} title=hawser breaking::${data(summary(verdict).join('\n'))}`;
  return [...lines, last].join('\n');
}

function data(value: string): string {
  return value.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(value: string): string {
  return data(value).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

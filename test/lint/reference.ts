import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { conditionReasons, eventReasons } from '../../operator/src/api/reasons.ts'

/** Pages of the reference that are made from the code: path and text. */
function referencePages(): ReadonlyMap<string, string> {
  return new Map([['docs/reference/reasons/README.md', reasonsPage()]])
}

/** Conditions of the other kinds; the rest are those of a NotejamInstance. */
const headings: Readonly<Record<string, string>> = {
  StoreReady: 'Ready of a NotejamBackupStore',
  Succeeded: 'Succeeded of a NotejamBackup and a NotejamRestore',
}

function reasonsPage(): string {
  const conditions = Object.entries(conditionReasons).map(([type, reasons]) => `## ${headings[type] ?? type}\n\n${table(reasons)}`)
  return `# Conditions, reasons and events

Made from \`operator/src/api/reasons.ts\` by \`node test/lint/write-reference.ts\`; \`make lint\` fails when the two differ. The lists are
closed: alerts and scripts can rely on them.

${conditions.join('\n\n')}

## Events

${table(eventReasons)}
`
}

function table(reasons: Readonly<Record<string, string>>): string {
  const rows = Object.entries(reasons).map(([reason, meaning]) => `| \`${reason}\` | ${meaning.replaceAll('|', '\\|')} |`)
  return `| Reason | Meaning |\n|---|---|\n${rows.join('\n')}`
}

/** Pages that are not what the code says. */
export function findStaleReference(): readonly string[] {
  return [...referencePages()]
    .filter(([path, text]) => !existsSync(path) || readFileSync(path, 'utf8') !== text)
    .map(([path]) => `${path} is not what the code says: run node test/lint/write-reference.ts`)
}

/** Writes the pages anew. */
export function writeReference(): void {
  for (const [path, text] of referencePages()) writeFileSync(path, text)
}

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { ProofResult } from './proof.ts'

/** The record of one run of a proof, as it is kept in `docs/proof/<name>.json`. */
export interface ProofRecord extends ProofResult {
  readonly name: string
  readonly title: string
  /** ISO 8601, UTC. */
  readonly date: string
  readonly commit: string
  readonly machine: string
  readonly durationSeconds: number
}

const folder = 'docs/proof'

/** Keeps the newest record of a proof as JSON and writes the table of all of them anew. */
export function writeRecord(record: ProofRecord): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/${record.name}.json`, `${JSON.stringify(record, undefined, 2)}\n`)
  const records = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as ProofRecord)
  writeFileSync(`${folder}/README.md`, renderTable(records))
}

/** The page `docs/proof/README.md`: one line per proof. */
export function renderTable(records: readonly ProofRecord[]): string {
  const lines = records.map((record) => {
    const figures = Object.entries(record.figures).map(([name, value]) => `${name} ${value}`)
    const cells = [
      `[${record.name}](${record.name}.json): ${record.title}`,
      record.passed ? 'holds' : '**does not hold**',
      figures.join('; '),
      record.counterTest,
      record.date.slice(0, 10),
      record.commit,
      `${record.machine}; ${record.durationSeconds} s`,
    ]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  })
  return `# Proofs

Long runs that \`make test\` holds in a short form only. \`make proof\` runs them all, \`make proof NAME=…\` one; each run replaces its record.

| Proof | Result | Figures | Counter-test | Date | Commit | Machine and duration |
|---|---|---|---|---|---|---|
${lines.join('\n')}
`
}

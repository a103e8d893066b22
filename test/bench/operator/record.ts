import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { binaryVersion } from '../../cluster/binaries.ts'
import { formatValue, holds, type Figure } from './figure.ts'

/** One group of figures and where it comes from. */
export interface GroupRecord {
  /** ISO 8601, UTC. */
  readonly date: string
  readonly commit: string
  readonly machine: string
  readonly node: string
  readonly kubernetes: string
  readonly figures: readonly Figure[]
  /** What one has to know of the run, such as who else used the machine. */
  readonly remark?: string
}

type Groups = Readonly<Record<string, GroupRecord>>

const folder = 'docs/bench'
const page = `${folder}/operator.md`
const data = `${folder}/operator.json`

/** Keeps a group's newest figures in `docs/bench/operator.json` and writes the page anew. */
export function recordGroup(name: string, figures: readonly Figure[], remark?: string): void {
  mkdirSync(folder, { recursive: true })
  const dirty = execFileSync('git', ['status', '--porcelain', '--', '.', ':!docs'], { encoding: 'utf8' }) !== ''
  const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { encoding: 'utf8' }).trim()
  const record: GroupRecord = {
    date: new Date().toISOString(),
    commit: dirty ? `${commit} with changes` : commit,
    machine: `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    kubernetes: binaryVersion('kubernetes'),
    figures,
    ...(remark === undefined ? {} : { remark }),
  }
  const groups: Groups = { ...readGroups(), [name]: record }
  writeFileSync(data, `${JSON.stringify(groups, undefined, 2)}\n`)
  writeFileSync(page, renderPage(groups))
}

function readGroups(): Groups {
  try {
    return JSON.parse(readFileSync(data, 'utf8')) as Groups
  } catch {
    return {}
  }
}

/** The page `docs/bench/operator.md`. */
export function renderPage(groups: Groups): string {
  const sections = Object.entries(groups).map(([name, { date, commit, machine, node, kubernetes, figures, remark }]) => {
    const rows = figures.map((figure) => {
      const bar = figure.atMost === undefined ? '' : `≤ ${figure.atMost}`
      const verdict = figure.atMost === undefined ? (figure.note ?? '') : holds(figure) ? 'holds' : '**missed**'
      return `| ${figure.what} | ${formatValue(figure)} | ${bar} | ${verdict} |`
    })
    const source = `${date.slice(0, 10)}, commit ${commit}, Kubernetes ${kubernetes}, Node ${node}, ${machine}.${remark === undefined ? '' : ` ${remark}`}`
    return `## ${name}\n\n${source}\n\n| What | Figure | Bar | |\n|---|---|---|---|\n${rows.join('\n')}\n`
  })
  return `# Speed and memory of the operator

Written by \`make bench-operator\`: the bundled operator as a process of its own, with its lease, beside a real API server and etcd. Whoever else would work
on the machine is still: the bench itself completes Jobs and Deployments, with the least writes. API server, etcd, bench and contenders share the machine;
only figures of one run can be compared. Each makes the same nine children of an instance (Secret, claim, Service, three NetworkPolicies, migration Job,
Deployment, Ingress), with 16 passes or calls in flight:

- The *floor* is a bare loop (\`test/bench/operator/floor.ts\`): one watch; for a new instance the nine applies, at once, and one write of its status; for
  an edited one the apply of its Deployment. No cache, no comparison, no retry, no order: it does not wait for the migration.
- The *operator* writes its journal before the migration, and how far it is once or twice after it (the floor writes one status), tells four events,
  reads the Secret and whether the Deployment's name is free, and watches ten collections. At an edit it applies the Deployment first; the status and another
  look at the Secret come after it.
- The *Go controller* (\`test/bench/baseline-go\`) is the smallest one on controller-runtime that keeps the same children, with its defaults: each
  pass applies all nine, whatever changed, since it compares nothing.

${sections.join('\n')}`
}

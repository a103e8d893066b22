import { parseArgs } from 'node:util'
import { changes } from './operator/changes.ts'
import { edits, failing } from './operator/edits.ts'
import { formatValue, fullScale, holds, quickScale, type FigureGroup, type Scale } from './operator/figure.ts'
import { memory } from './operator/memory.ts'
import { readiness } from './operator/readiness.ts'
import { recordGroup } from './operator/record.ts'
import { rest } from './operator/rest.ts'

const groups: readonly FigureGroup[] = [readiness, edits, failing, changes, memory, rest]
const usage = `usage: node test/bench/operator.ts [--quick] [--instances N] [--only ${groups.map(({ name }) => name).join('|')}]… [--remark TEXT]`

const { quick, only, scale, remark } = readOptions()
let missed = 0
for (const group of groups.filter(({ name }) => only.length === 0 || only.includes(name))) {
  console.log(`== ${group.name}`)
  const started = performance.now()
  const report = (line: string): void => console.log(`   ${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${line}`)
  const figures = await group.measure(scale, report)
  for (const figure of figures) {
    const bar = figure.atMost === undefined ? '' : `≤ ${figure.atMost}`
    console.log(`${holds(figure) ? '    ' : 'MISS'} ${figure.what.padEnd(64)} ${formatValue(figure).padStart(12)}  ${bar}`)
  }
  missed += figures.filter((figure) => !holds(figure)).length
  // Small figures are no record.
  if (!quick) recordGroup(group.name, figures, remark)
}
console.log(missed === 0 ? 'every bar holds' : `${missed} ${missed === 1 ? 'bar is' : 'bars are'} missed`)

function readOptions(): {
  readonly quick: boolean
  readonly only: readonly string[]
  readonly scale: Scale
  readonly remark: string | undefined
} {
  try {
    const options = {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      instances: { type: 'string' },
      remark: { type: 'string' },
    } as const
    const { values } = parseArgs({ options: { ...options, only: { ...options.only, default: [] } } })
    const unknown = values.only.filter((name) => !groups.some((group) => group.name === name))
    if (unknown.length > 0) throw new Error(`no figures are named ${unknown.join(', ')}`)
    const scale = values.quick ? quickScale : fullScale
    const { remark } = values
    if (values.instances === undefined) return { ...values, scale, remark }
    const instances = Number(values.instances)
    if (!Number.isInteger(instances) || instances < 1) throw new Error(`--instances must be a whole number, is ${values.instances}`)
    // A machine that is too small for the bars can still show how the contenders compare.
    return { ...values, remark, scale: { ...scale, instances, sizes: [instances], editsPerRound: 60 } }
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(2)
  }
}

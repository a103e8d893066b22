import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { basename, join } from 'node:path'
import type { Proof } from './proof.ts'
import { writeRecord } from './record.ts'

const folder = import.meta.dirname
const helpers = new Set(['counter-tests.ts', 'proof.ts', 'record.ts', 'run.ts'])
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !helpers.has(file))
  .map((file) => basename(file, '.ts'))
  .toSorted()

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`no proof is named ${unknown.join(', ')}: there are ${names.join(', ') || 'none yet'}`)
  process.exit(2)
}

const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { encoding: 'utf8' }).trim()
const dirty = execFileSync('git', ['status', '--porcelain', '--', '.', ':!docs'], { encoding: 'utf8' }) !== ''
let failed = 0
for (const name of wanted.length > 0 ? wanted : names) {
  const { proof } = (await import(join(folder, `${name}.ts`))) as { proof: Proof }
  console.log(`== ${name}: ${proof.title}`)
  const started = Date.now()
  const result = await proof.run((line) => console.log(`   ${((Date.now() - started) / 1000).toFixed(0).padStart(5)} s  ${line}`))
  writeRecord({
    name,
    title: proof.title,
    date: new Date(started).toISOString(),
    commit: dirty ? `${commit} with changes` : commit,
    machine: `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
    durationSeconds: Math.round((Date.now() - started) / 1000),
    ...result,
  })
  console.log(result.passed ? `   holds: docs/proof/${name}.json` : `   DOES NOT HOLD: docs/proof/${name}.json`)
  if (!result.passed) failed += 1
}
process.exit(failed === 0 ? 0 : 1)

import { engines } from '../../app/src/db/engine.ts'
import { holds } from './app-figures.ts'
import { lineOf } from './bench-record.ts'
import { recordData } from './data-record.ts'

/**
 * `make bench-data`: backup and restore beside the raw tools by hand, doing the same work (dump, hashes of rows, zstd, age, SHA-256, a file on the disk), on
 * servers of this machine; keeps the figures in docs/bench. `node test/bench/data.ts [MIB] [ENGINE…] [pairs=N]`; `pairs=0` runs ours alone, for memory.
 */
const words = process.argv.slice(2)
const mebibytes = Number(words.find((word) => /^\d+$/.test(word)) ?? 1024)
const pairs = Number(/^pairs=(\d+)$/.exec(words.find((word) => word.startsWith('pairs=')) ?? '')?.[1] ?? 1)
const chosen = engines.filter((engine) => words.includes(engine))

for (const engine of chosen.length === 0 ? engines : chosen) {
  const figures = await recordData(engine, { mebibytes, pairs })
  for (const figure of figures) console.log(lineOf(figure))
  if (!figures.every(holds)) process.exitCode = 1
}

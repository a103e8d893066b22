import { loadavg } from 'node:os'
import { engines } from '../../app/src/db/engine.ts'
import { holds } from './app-figures.ts'
import { keepFigures, lineOf } from './bench-record.ts'
import { measureData } from './data-figures.ts'

/**
 * `make bench-data`: backup and restore beside the raw tools by hand, doing the same work (dump, hashes of rows, zstd, age, SHA-256, a file on the disk), on
 * servers of this machine; keeps the figures in docs/bench. `node test/bench/data.ts [MIB] [ENGINE…] [pairs=N]`; `pairs=0` runs ours alone, for memory.
 */
const words = process.argv.slice(2)
const mebibytes = Number(words.find((word) => /^\d+$/.test(word)) ?? 1024)
const pairs = Number(/^pairs=(\d+)$/.exec(words.find((word) => word.startsWith('pairs=')) ?? '')?.[1] ?? 1)
const chosen = engines.filter((engine) => words.includes(engine))

for (const engine of chosen.length === 0 ? engines : chosen) {
  const [loadAverage = 0] = loadavg()
  const figures = await measureData(engine, { mebibytes, pairs })
  for (const figure of figures) console.log(lineOf(figure))
  keepFigures({
    name: 'data',
    title: 'Speed and memory of backup and restore',
    introduction:
      'Written by `make bench-data` from [data.json](data.json). Both sides do the same work on the same data and take turns; times are medians, speeds medians of the ratios of neighbours, memory is the most that our own process had. Stores are folders; database servers share the machine.',
    part: `${engine}, ${mebibytes} MiB, ${pairs === 0 ? 'ours alone' : `pairs: ${pairs}`}`,
    ...{ figures, loadAverage },
  })
  if (!figures.every(holds)) process.exitCode = 1
}

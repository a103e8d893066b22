import { engines } from '../../app/src/db/engine.ts'
import { type Figure, holds } from '../bench/app-figures.ts'
import { recordData } from '../bench/data-record.ts'
import type { Proof } from './proof.ts'

/** Sizes in MiB, pairs of runs, and engines that 8 GiB are run on; smaller ones say less and take less time. */
const speedMiB = Number(process.env['DATA_SPEED_MIB'] ?? 1024)
const pairs = Number(process.env['DATA_SPEED_PAIRS'] ?? 1)
const memoryMiB = Number(process.env['DATA_MEMORY_MIB'] ?? 8192)
const memoryEngines = (process.env['DATA_MEMORY_ENGINES'] ?? 'postgres').split(',')

/** The bar "Speed" of backup and restore. Its figures are kept beside those of `make bench-data` too. */
export const proof: Proof = {
  title: 'Backup and restore beside the raw tools by hand, and memory of our own process',
  run: async (report) => {
    const figures: Figure[] = []
    for (const engine of engines) {
      report(`${engine}, ${speedMiB} MiB`)
      figures.push(...(await recordData(engine, { mebibytes: speedMiB, pairs })))
    }
    for (const engine of engines.filter((name) => memoryEngines.includes(name))) {
      report(`${engine}, ${memoryMiB} MiB`)
      figures.push(...(await recordData(engine, { mebibytes: memoryMiB, pairs: 0 })))
    }
    const missed = figures.filter((figure) => !holds(figure))
    return {
      passed: missed.length === 0,
      figures: {
        ...Object.fromEntries(
          figures.map(({ what, unit, value }) => [`${what}${unit === '' ? '' : ` (${unit.trim()})`}`, Number(value.toPrecision(3))]),
        ),
        missed: missed.map(({ what }) => what).join('; ') || 'none',
      },
      counterTest:
        'a measurement with bars: the same comparison at 300 MiB found 0.61 and 0.49 (SQLite), 0.70 (backup of PostgreSQL) and 0.79 (backup of MariaDB) at commit a48d624, before sums of SQLite ran beside the packing and chunks were gathered into blocks',
    }
  },
}

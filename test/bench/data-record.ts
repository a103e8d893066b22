import { loadavg } from 'node:os'
import type { Engine } from '../../app/src/db/engine.ts'
import type { Figure } from './app-figures.ts'
import { keepFigures } from './bench-record.ts'
import { measureData, type DataFigureOptions } from './data-figures.ts'

/** Measures one engine ({@link measureData}) and keeps its figures in docs/bench. */
export async function recordData(engine: Engine, options: DataFigureOptions): Promise<readonly Figure[]> {
  const [loadAverage = 0] = loadavg()
  const figures = await measureData(engine, options)
  keepFigures({
    name: 'data',
    title: 'Speed and memory of backup and restore',
    introduction:
      'Written by `make bench-data` and `make proof NAME=data-speed` from [data.json](data.json). Both sides do the same work on the same data and take turns; times are medians, speeds medians of the ratios of neighbours, memory is the most that our own process had. Stores are folders; database servers share the machine.',
    part: `${engine}, ${options.mebibytes} MiB, ${options.pairs === 0 ? 'ours alone' : `pairs: ${options.pairs}`}`,
    ...{ figures, loadAverage },
  })
  return figures
}

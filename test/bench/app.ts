import { loadavg } from 'node:os'
import { benchEngines, benchParts, measurePart } from './app-figures.ts'
import { keepFigures, lineOf } from './bench-record.ts'

/** `make bench-app`: measures all parts, or those that are named (`node test/bench/app.ts list deep sqlite`), and keeps the figures in docs/bench. */
const wanted = process.argv.slice(2)
const unknown = wanted.filter((word) => ![...benchParts, ...benchEngines].some((name) => name === word))
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}; parts are ${benchParts.join(', ')}, engines ${benchEngines.join(', ')}; none means all`)
  process.exit(2)
}
const named = <T extends string>(all: readonly T[]): readonly T[] => {
  const some = all.filter((name) => wanted.includes(name))
  return some.length === 0 ? all : some
}

for (const part of named(benchParts)) {
  const [loadAverage = 0] = loadavg()
  const figures = await measurePart(part, named(benchEngines))
  for (const figure of figures) console.log(lineOf(figure))
  // What only another engine was measured for stays.
  const all = named(benchEngines).length === benchEngines.length
  keepFigures({
    name: 'app',
    title: 'Speed of the app',
    introduction:
      'Written by `make bench-app` from [app.json](app.json). Client, app and database server share the machine; ratios are of interleaved rounds in one run.',
    part: all ? part : `${part} (${named(benchEngines).join(', ')})`,
    ...{ figures, loadAverage },
  })
}

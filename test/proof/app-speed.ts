import { benchEngines, type BenchPart, holds, measurePart } from '../bench/app-figures.ts'
import type { Proof } from './proof.ts'

const parts: readonly BenchPart[] = ['list', 'start', 'signin', 'deep']

/** The bars of the bench that say something of speed, on all engines whose servers are installed. `make bench-app` prints the same with its parts. */
export const proof: Proof = {
  title: 'Speed of the app beside a bare server, beside sign-ins, from its start, and with a million notes',
  run: async (report) => {
    const figures = []
    for (const part of parts) {
      report(part)
      figures.push(...(await measurePart(part, benchEngines)))
    }
    const missed = figures.filter((figure) => !holds(figure))
    return {
      passed: missed.length === 0,
      figures: {
        ...Object.fromEntries(
          figures.map(({ what, unit, value }) => [`${what}${unit === '' ? '' : ` (${unit.trim()})`}`, Number(value.toPrecision(4))]),
        ),
        missed: missed.map(({ what }) => what).join('; ') || 'none',
      },
      counterTest:
        'a measurement with bars: the same bench found list ÷ bare to be 0.31 (SQLite) and 0.52 (PostgreSQL) at commit 8ab1cbc, before pages were one string, rows plain objects and requests of one shape',
    }
  },
}

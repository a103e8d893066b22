import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type MemoryResult, measureMemory } from '../bench/load-and-memory.ts'
import { bundleApp } from '../bench/processes.ts'
import { createMember, prepareDatabase } from '../bench/world.ts'
import type { Proof } from './proof.ts'

const largestRssMiB = 130
const steepestMiBPer10000 = 1
const mostAfterSignInsMiB = 20
const [requests, signInSeconds] = [100_000, 40]

/** The bundled app with the settings of its image: 100,000 requests, then 400 sign-ins in 40 seconds; and the sign-ins again without these settings. */
export const proof: Proof = {
  title: 'The app holds at most 130 MiB after 100,000 requests, flat, and 400 sign-ins leave at most 20 MiB',
  run: async (report) => {
    const folder = mkdtempSync(join(tmpdir(), 'notejam-memory-'))
    try {
      const entry = bundleApp(folder)
      const measure = async (name: string, options: { readonly requests: number; readonly bare?: boolean }): Promise<MemoryResult> => {
        const databaseUrl = `sqlite:${join(folder, `${name}.db`)}`
        await prepareDatabase(databaseUrl)
        const member = await createMember(databaseUrl, { email: 'bench@bench.example', pads: 5, notes: 100 })
        report(`${name}: ${options.requests} requests, ${signInSeconds * 10} sign-ins`)
        return measureMemory({ databaseUrl, member, entry, signInSeconds, ...options })
      }
      const image = await measure('image', { requests })
      const bare = await measure('bare', { requests: 2000, bare: true })
      const [kept, keptBare] = [image, bare].map(({ rssAfterSignInsMiB, idleRssMiB }) => rssAfterSignInsMiB - idleRssMiB)
      return {
        passed:
          image.failures === 0 &&
          image.rssAtEndMiB <= largestRssMiB &&
          image.slopeMiBPer10000 < steepestMiBPer10000 &&
          (kept ?? Number.NaN) <= mostAfterSignInsMiB &&
          (keptBare ?? Number.NaN) > mostAfterSignInsMiB,
        figures: {
          requests: image.requests,
          failedRequests: image.failures,
          highestRssMiB: rounded(image.highestRssMiB),
          rssAtEndMiB: rounded(image.rssAtEndMiB),
          slopeMiBPer10000: rounded(image.slopeMiBPer10000),
          signIns: image.signIns,
          aboveIdleAfterSignInsMiB: rounded(kept),
        },
        counterTest: `without the image's MALLOC_ settings and NODE_OPTIONS ${bare.signIns} sign-ins leave ${rounded(keptBare)} MiB`,
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

function rounded(value: number | undefined): number {
  return Math.round((value ?? Number.NaN) * 100) / 100
}

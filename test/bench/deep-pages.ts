import { imageEnvironment, startApp } from '../app/app-process.ts'
import { runLoad } from './closed-loop.ts'
import { benchSecret, type Member } from './world.ts'

/** What the pages of a large account cost beside those of a small one, milliseconds. */
export interface DeepPagesResult {
  readonly page: string
  readonly smallP99Ms: number
  readonly largeP99Ms: number
  readonly ratio: number
}

const requests = 400
const firstPages = 10

/** First ten pages of a list, or hits of a search. */
const kinds: readonly (readonly [name: string, path: (member: Member, page: number) => string])[] = [
  ['list, newest first', (_, page) => `/?page=${page}`],
  ['list, oldest first', (_, page) => `/?order=updated_at&page=${page}`],
  ['list by name', (_, page) => `/?order=name&page=${page}`],
  ['pad, newest first', ({ padIds }, page) => `/pads/${padIds[0]}/?page=${page}`],
  ['pad by name', ({ padIds }, page) => `/pads/${padIds[0]}/?order=-name&page=${page}`],
  ['search', (_, page) => `/search/?q=needle&page=${page}`],
]

/** Measures the first pages of an account with many notes in turns with those of one with few. */
export async function measureDeepPages(options: {
  readonly databaseUrl: string
  readonly small: Member
  readonly large: Member
  readonly entry: string
}): Promise<readonly DeepPagesResult[]> {
  await using app = await startApp({
    databaseUrl: options.databaseUrl,
    entry: options.entry,
    env: { SECRET_KEY: benchSecret, ...imageEnvironment },
  })
  const measure = async (member: Member, path: (member: Member, page: number) => string, count: number): Promise<number> => {
    const result = await runLoad({
      port: app.port,
      connections: 1,
      seconds: 60,
      maxRequests: count,
      path: (index) => path(member, 1 + (index % firstPages)),
      headers: { cookie: member.cookie },
    })
    if (result.failures > 0) throw new Error(`${result.failures} requests for ${path(member, 1)} failed`)
    return result.p99Ms
  }
  const results: DeepPagesResult[] = []
  for (const [page, path] of kinds) {
    await measure(options.small, path, 100)
    await measure(options.large, path, 100)
    // The lowest of three: a slower one was slowed by something else on the machine.
    const rounds = { small: [] as number[], large: [] as number[] }
    for (let round = 0; round < 3; round += 1) {
      rounds.small.push(await measure(options.small, path, requests))
      rounds.large.push(await measure(options.large, path, requests))
    }
    const smallP99Ms = Math.min(...rounds.small)
    const largeP99Ms = Math.min(...rounds.large)
    results.push({ page, smallP99Ms, largeP99Ms, ratio: largeP99Ms / smallP99Ms })
  }
  return results
}

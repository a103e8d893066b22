import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { measureMemory } from '../bench/load-and-memory.ts'
import { bundleApp } from '../bench/processes.ts'
import { createMember, prepareDatabase } from '../bench/world.ts'

// The long form, with the slope over 100,000 requests, is `make proof NAME=app-memory`.
test('with the settings of its image the bundled app stays small, and gives back what sign-ins took', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'notejam-memory-'))
  try {
    const databaseUrl = `sqlite:${join(folder, 'notejam.db')}`
    await prepareDatabase(databaseUrl)
    const member = await createMember(databaseUrl, { email: 'bench@bench.example', pads: 5, notes: 100 })

    const memory = await measureMemory({ databaseUrl, member, entry: bundleApp(folder), requests: 4000, signInSeconds: 4 })

    expect(memory.failures).toBe(0)
    expect(memory.signIns).toBeGreaterThan(20)
    expect(memory.rssAtEndMiB).toBeLessThan(130)
    expect(memory.rssAfterSignInsMiB - memory.idleRssMiB).toBeLessThan(20)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

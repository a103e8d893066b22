import { afterAll, beforeAll, expect, it } from 'vitest'
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts'
import { rowsOf, runKillMatrix, type Row } from './kill-matrix.ts'
import { sampledStories } from './kill-matrix-stories.ts'

/** Whoever plays the kubelet here does so for all namespaces, so they have a control plane of their own. */
let controlPlane: ControlPlane

beforeAll(async () => {
  controlPlane = await startControlPlane({ name: 'kill-matrix' })
})

afterAll(async () => {
  await controlPlane.stop()
})

it('a release ends the same, with each command run once, when every operator is killed after its first write; without the journal it does not', async () => {
  const rows = rowsOf(sampledStories, [{ when: 'Each' }])
  const counter: Row = {
    story: { strategy: 'Upgrade', engine: 'SQLite', ending: 'Good' },
    kills: { when: 'after', from: 6, most: 1 },
    withoutJournal: true,
  }

  const found = await runKillMatrix({ controlPlane, rows: [...rows, counter], parallel: rows.length + 1 })

  const [failures, noticed] = [false, true].map((without) =>
    found.failures.filter(({ row }) => (row === counter) === without).map(({ text }) => text),
  )
  expect(failures).toEqual([])
  expect(noticed?.join()).toContain('ran contract,migrate,migrate,verify, not contract,migrate,verify')
  expect(found.releases).toBe(rows.length + 1)
  // The least that a release takes: its beginning, four steps, their Jobs, the Deployment, the end.
  expect(found.kills).toBeGreaterThan(10 * rows.length)
}, 180_000)

import { afterAll, beforeAll, expect, it } from 'vitest'
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts'
import { runFleet } from './fleet.ts'

/** The operator of a fleet serves all namespaces, so it has a control plane of its own. */
let controlPlane: ControlPlane

beforeAll(async () => {
  controlPlane = await startControlPlane({ name: 'fleet' })
})

afterAll(async () => {
  await controlPlane.stop()
})

it('whatever way a spec came about, its instance rests with a reason and has the objects of a fresh one', async () => {
  const { api, kubeconfig } = controlPlane

  const found = await runFleet({ api, kubeconfig, instances: 8, edits: 150, seconds: 8, settleSeconds: 60, seed: 1, report: console.log })

  const { stuck, different, exceptions, badWipes } = found
  expect({ stuck, different, exceptions, badWipes }).toEqual({ stuck: [], different: [], exceptions: [], badWipes: 0 })
  expect(found.accepted).toBeGreaterThanOrEqual(150)
}, 240_000)

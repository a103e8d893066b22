import { afterEach, describe, expect, inject, test } from 'vitest'
import { engines } from '../../app/src/db/engine.ts'
import { fuzz } from '../app-fuzz/fuzz.ts'

afterEach(() => {
  delete process.env['TEST_DATABASE_URL']
})

describe.each(engines)('bad input on %s', (engine) => {
  test('never is an error of ours, is refused inside the layout or as a problem, and touches nobody else', async () => {
    if (engine !== 'sqlite') process.env['TEST_DATABASE_URL'] = `${inject('servers')[engine]}/${engine}`
    const thorough = engine === 'sqlite'

    const { faults, requests, targets, statuses } = await fuzz({ perTarget: thorough ? 6 : 4, hostileStride: thorough ? 12 : 60, seed: 20 })

    expect(faults).toEqual([])
    expect(requests).toBeGreaterThan(300)
    expect(targets).toBeGreaterThan(50)
    // Requests get behind the door, too: some are taken, some find nothing, some collide.
    for (const status of [200, 302, 400, 401, 404, 405, 413, 415, 422]) expect(statuses[status]).toBeGreaterThan(0)
  })
})

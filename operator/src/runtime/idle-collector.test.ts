import { expect, it } from 'vitest'
import { IdleCollector } from './idle-collector.ts'
import { VirtualClock } from './virtual-clock.ts'

function setUp() {
  const clock = new VirtualClock()
  const state = { passes: 0, busy: false, collections: 0 }
  const collector = new IdleCollector({
    clock,
    passes: () => state.passes,
    isBusy: () => state.busy,
    collect: () => void state.collections++,
  })
  collector.start()
  return { clock, state, collector }
}

it('collects once after the start, when nothing was done for a second', async () => {
  const { clock, state } = setUp()

  await clock.advance(3_600_000)

  expect(state.collections).toBe(1)
})

it('waits for the end of a burst, and of a pass that is long', async () => {
  const { clock, state } = setUp()
  for (let second = 0; second < 10; second++) {
    state.passes += 100
    await clock.advance(1000)
  }
  state.busy = true
  await clock.advance(10_000)
  const during = state.collections

  state.busy = false
  await clock.advance(1000)

  expect([during, state.collections]).toEqual([0, 1])
})

it('collects again only after more passes, and at most every five minutes', async () => {
  const { clock, state, collector } = setUp()
  await clock.advance(3000)
  const counts: number[] = []
  for (let round = 0; round < 3; round++) {
    state.passes += 1
    await clock.advance(150_000)
    counts.push(state.collections)
  }
  collector.stop()
  state.passes += 1
  await clock.advance(600_000)

  expect([...counts, state.collections]).toEqual([1, 2, 2, 2])
})

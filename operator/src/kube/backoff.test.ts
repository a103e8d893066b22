import { expect, test } from 'vitest'
import { backOff, freshBackoff, reflectorBackoff, type BackoffState } from './backoff.ts'

function delays(count: number, random: number): number[] {
  let state: BackoffState = freshBackoff
  let now = 0
  return Array.from({ length: count }, () => {
    const step = backOff(reflectorBackoff, state, now, random)
    state = step.state
    now += step.delayMs
    return step.delayMs
  })
}

test('delays double from 0.8 s to 30 s', () => {
  expect(delays(8, 0)).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
})

test('jitter makes a delay up to twice as long', () => {
  expect(delays(8, 1)).toEqual([1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000])
})

test('the server may ask for more, never for less', () => {
  expect(backOff(reflectorBackoff, freshBackoff, 0, 0, 5000).delayMs).toBe(5000)
  expect(backOff(reflectorBackoff, freshBackoff, 0, 0, 1).delayMs).toBe(800)
})

test('two minutes without a failure begin it anew, less do not', () => {
  const failed = { failures: 5, waitedUntil: 1000 }

  expect(backOff(reflectorBackoff, failed, 1000 + 119_999, 0).delayMs).toBe(25_600)
  expect(backOff(reflectorBackoff, failed, 1000 + 120_000, 0).delayMs).toBe(800)
})

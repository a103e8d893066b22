import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { StringPool } from './string-pool.ts'

const stoppedClock = { monotonic: () => 0 }

it('changes no value', () => {
  const pool = new StringPool(stoppedClock)
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)

      expect(JSON.stringify(pool.share(JSON.parse(text)))).toBe(text)
    }),
  )
})

it('meets a string twice and keeps it once, at any depth', () => {
  const pool = new StringPool(stoppedClock)
  pool.share({ metadata: { labels: { app: 'a string of some length' } } })
  pool.share([['a string of some length', 'short']])

  expect(pool.size).toBe(1)
})

it('stays bounded, and keeps what is met again and again', () => {
  const pool = new StringPool(stoppedClock)
  for (let index = 0; index < 100_000; index++) pool.share([`the name of object ${index}`, 'what all of them say'])

  expect(pool.size).toBeLessThanOrEqual(2 * 16_384)
})

it('forgets within minutes what churns, however long it goes on', () => {
  let now = 0
  const pool = new StringPool({ monotonic: () => now })
  const sizes: number[] = []
  for (let second = 0; second < 1800; second++) {
    now = second * 1000
    for (let index = 0; index < 50; index++) pool.share([`a hash of second ${second} and number ${index}`, 'what all of them say'])
    sizes.push(pool.size)
  }

  expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * 60 * 51)
})

it('keeps at rest what it knows', () => {
  let now = 0
  const pool = new StringPool({ monotonic: () => now })
  for (let index = 0; index < 2000; index++) pool.share([`the name of object ${index}`])

  now = 24 * 3_600_000
  pool.share(['the name of object 7'])

  expect(pool.size).toBe(2000)
})

import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { StringPool } from './string-pool.ts'

it('changes no value', () => {
  const pool = new StringPool()
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)

      expect(JSON.stringify(pool.share(JSON.parse(text)))).toBe(text)
    }),
  )
})

it('meets a string twice and keeps it once, at any depth', () => {
  const pool = new StringPool()
  pool.share({ metadata: { labels: { app: 'a string of some length' } } })
  pool.share([['a string of some length', 'short']])

  expect(pool.size).toBe(1)
})

it('stays bounded, and keeps what is met again and again', () => {
  const pool = new StringPool()
  for (let index = 0; index < 100_000; index++) pool.share([`the name of object ${index}`, 'what all of them say'])

  expect(pool.size).toBeLessThanOrEqual(2 * 16_384)
})

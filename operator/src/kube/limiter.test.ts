import { expect, test } from 'vitest'
import { Limiter } from './limiter.ts'

test('lets only so many in, the others in order', async () => {
  const limiter = new Limiter(2)
  const entered: number[] = []
  const enter = async (who: number) => {
    const leave = await limiter.acquire()
    entered.push(who)
    return leave
  }

  const [first, second] = [await enter(1), await enter(2)]
  const third = enter(3)
  const fourth = enter(4)
  expect([entered, limiter.active, limiter.waiting]).toEqual([[1, 2], 2, 2])
  second()
  await third
  first()
  await fourth

  expect(entered).toEqual([1, 2, 3, 4])
  expect(limiter.waiting).toBe(0)
})

test('giving a slot back twice gives one', async () => {
  const limiter = new Limiter(1)
  const leave = await limiter.acquire()

  leave()
  leave()

  await limiter.acquire()
  expect(limiter.active).toBe(1)
})

test('whoever gives up waiting takes no slot', async () => {
  const limiter = new Limiter(1)
  const leave = await limiter.acquire()
  const stop = new AbortController()
  const waiting = limiter.acquire(stop.signal)

  stop.abort(new Error('no longer'))

  await expect(waiting).rejects.toThrow('no longer')
  leave()
  expect([limiter.active, limiter.waiting]).toEqual([0, 0])
})

test('a limit below one is refused', () => {
  expect(() => new Limiter(0)).toThrow('at least 1')
})

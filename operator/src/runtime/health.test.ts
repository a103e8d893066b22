import { expect, it } from 'vitest'
import { LoopLag, serveHealth } from './health.ts'
import { VirtualClock } from './virtual-clock.ts'

it('answers each probe by its own checks, one by one, without those that are left out', async () => {
  const checks = { first: () => undefined, second: () => 'it is not there' }
  const server = await serveHealth({ host: '127.0.0.1', port: 0, live: { loop: () => undefined }, ready: checks })
  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
    return `${response.status} ${await response.text()}`
  }

  expect(await ask('/healthz')).toBe('200 ok')
  expect(await ask('/healthz?verbose')).toBe('200 [+]loop ok\nhealthz check passed\n')
  expect(await ask('/readyz')).toBe('500 [+]first ok\n[-]second failed: it is not there\nreadyz check failed\n')
  expect(await ask('/readyz?exclude=second')).toBe('200 ok')
  expect(await ask('/readyz/first')).toBe('200 ok')
  expect(await ask('/readyz/second')).toMatch(/^500 /)
  expect(await ask('/readyz/third')).toMatch(/^404 /)
  expect(await ask('/metrics')).toMatch(/^404 /)
  expect(await ask('/healthz', 'POST')).toMatch(/^405 /)
  await server.close()
})

it('tells by how much the event loop is late, also while it is', async () => {
  const clock = new VirtualClock()
  const reported: number[] = []
  const lag = new LoopLag(clock, (seconds) => reported.push(seconds))
  lag.start()
  clock.advanceSync(500)

  const thawing = clock.thaw(6500)
  const whileBlocked = lag.seconds
  await thawing

  expect([whileBlocked, lag.seconds, reported]).toEqual([6, 6, [0, 6]])
  lag.stop()
})

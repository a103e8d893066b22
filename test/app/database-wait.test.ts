import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createTestDatabase } from './databases.ts'
import { notejam, outcomeOf } from './notejam.ts'
import { createTcpProxy } from './tcp-proxy.ts'

describe.each(['postgres', 'mysql'] as const)('a database on %s that is down when a Job comes', (engine) => {
  test('is waited for, as long as the environment says', async () => {
    await using database = await createTestDatabase(engine)
    const url = new URL(database.url)
    await using proxy = await createTcpProxy({ host: url.hostname, port: Number(url.port) })
    url.host = `127.0.0.1:${proxy.port}`
    const env = { DATABASE_URL: url.href, LOG_LEVEL: 'warn' }
    await proxy.cut()

    const atOnce = await notejam(['status'], env)
    const waiting = notejam(['status'], { ...env, DATABASE_WAIT_SECONDS: '30' })
    const inVain = await notejam(['status'], { ...env, DATABASE_WAIT_SECONDS: '1' })
    await delay(1500)
    await proxy.heal()

    expect([atOnce.code, outcomeOf(atOnce)]).toEqual([1, 'Failed'])
    expect([inVain.code, outcomeOf(inVain)]).toEqual([1, 'Failed'])
    expect(inVain.stdout).toContain('ECONNREFUSED')
    const waited = await waiting
    expect([waited.code, outcomeOf(waited)]).toEqual([0, 'Ok'])
  })

  test('is not waited for when it answers that the password is wrong', async () => {
    await using database = await createTestDatabase(engine)
    const url = new URL(database.url)
    url.password = 'wrong'
    const started = performance.now()

    const refused = await notejam(['status'], { DATABASE_URL: url.href, LOG_LEVEL: 'warn', DATABASE_WAIT_SECONDS: '60' })

    expect([refused.code, outcomeOf(refused)]).toEqual([1, 'Failed'])
    expect(performance.now() - started).toBeLessThan(40_000)
  })
})

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Component, type ComponentSpec } from './component.ts'
import { ClusterError, messageOf } from './errors.ts'
import { isRunning, recordOf } from './process-record.ts'
import { waitFor } from './wait-for.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'notejam-component-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

function component(...command: readonly [string, ...string[]]): Component {
  const spec: ComponentSpec = { name: 'it', command }
  const made = new Component(folder, spec, 'tied')
  onTestFinished(async () => await made.kill())
  return made
}

describe('a component', () => {
  test('is started once, found by another harness, and ended by it', async () => {
    const first = component('sleep', '60')
    expect(first.start()).toBe(true)
    expect(first.start()).toBe(false)

    const second = component('sleep', '60')

    expect(second.pid).toBe(first.pid)
    await second.stop()
    expect(first.running).toBe(false)
    expect(existsSync(join(folder, 'processes', 'it.json'))).toBe(false)
  })

  test('never takes a stranger for itself whose process id it once had', async () => {
    const stranger = component('sleep', '60')
    stranger.start()
    const record = recordOf(stranger.pid ?? 0)
    writeFileSync(join(folder, 'processes', 'it.json'), JSON.stringify({ ...record, startTicks: '1' }))

    const late = component('sleep', '60')

    expect(late.running).toBe(false)
    expect(late.signal('SIGKILL')).toBe(false)
    await late.kill()
    expect(record !== undefined && isRunning(record)).toBe(true)
  })

  test('that ignores SIGTERM is killed after its grace', async () => {
    const stubborn = component('sh', '-c', 'trap "" TERM; echo trapped; while :; do sleep 1; done')
    stubborn.start()
    await stubborn.ready(() => stubborn.logTail().includes('trapped'), 5000)

    await stubborn.stop(100)

    expect(stubborn.running).toBe(false)
  })

  test('that ends instead of becoming ready says why, at once', async () => {
    const broken = component('sh', '-c', 'echo first; echo "listen: address already in use" >&2; exit 3')
    broken.start()

    const failure = await broken.ready(() => false, 20_000).catch((error: unknown) => error)

    expect(failure).toMatchObject({ code: 'ComponentFailed', details: expect.stringContaining('first') as string })
    expect(messageOf(failure)).toMatch(/^it ended: listen: address already in use \(log: /)
  })

  test('whose program is not there says so', async () => {
    const missing = component('/nowhere/program')
    missing.start()

    await expect(missing.ready(() => false, 20_000)).rejects.toMatchObject({ code: 'ComponentFailed' })
  })
})

describe('waiting', () => {
  test('gives what was found, and takes a throw for not yet', async () => {
    let looks = 0
    const found = await waitFor(
      () => {
        if (++looks === 1) throw new Error('too early')
        return looks === 3 ? 'there' : undefined
      },
      { what: 'it', timeoutMs: 5000, intervalMs: 1 },
    )

    expect([found, looks]).toEqual(['there', 3])
  })

  test('ends with what was waited for and the last answer', async () => {
    const never = waitFor(() => Promise.reject(new Error('refused\nby somebody')), { what: 'the answer', timeoutMs: 5, intervalMs: 1 })

    await expect(never).rejects.toThrow('the answer did not happen within 0 s (last answer: refused)')
  })

  test('stops at once when the component has died', async () => {
    const died = new ClusterError('ComponentFailed', 'etcd ended')

    await expect(waitFor(() => Promise.reject(died), { what: 'etcd', timeoutMs: 60_000 })).rejects.toBe(died)
  })
})

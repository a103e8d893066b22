import { expect, test, vi } from 'vitest'

import { createProgress } from './progress.ts'

function recorded(): {
  readonly lines: string[]
  readonly progress: ReturnType<typeof createProgress>
  readonly pass: (milliseconds: number) => void
} {
  let now = 0
  const lines: string[] = []
  const progress = createProgress({ write: (line) => void lines.push(line), now: () => now, heartbeatMilliseconds: 10_000 })
  return {
    lines,
    progress,
    pass(milliseconds) {
      now += milliseconds
      vi.advanceTimersByTime(milliseconds)
    },
  }
}

test('a step that ends says how long it took, and passes its result on', async () => {
  const { lines, progress } = recorded()

  const result = await progress.step('etcd: build', async () => await Promise.resolve(7))

  expect(result).toBe(7)
  expect(lines).toStrictEqual(['✓ etcd: build (0.0 s)'])
})

test('a long step shows signs of life with what it is at, and none after its end', async () => {
  vi.useFakeTimers()
  try {
    const { lines, progress, pass } = recorded()

    await progress.step('kubernetes: build', async (step) => {
      pass(10_000)
      step.note('812 packages compiled')
      pass(61_000)
      await Promise.resolve()
    })
    pass(60_000)

    expect(lines[0]).toBe('… kubernetes: build (10.0 s)')
    expect(lines[1]).toMatch(/^… kubernetes: build: 812 packages compiled \(/)
    expect(lines.at(-1)).toBe('✓ kubernetes: build (1 min 11 s)')
    expect(lines).toHaveLength(8)
  } finally {
    vi.useRealTimers()
  }
})

test('a step that fails is marked, and its error passes through', async () => {
  const { lines, progress } = recorded()

  const failing = progress.step('helm: build', async () => await Promise.reject(new Error('no compiler')))

  await expect(failing).rejects.toThrow('no compiler')
  expect(lines).toStrictEqual(['✗ helm: build (0.0 s)'])
})

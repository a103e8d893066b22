import { describe, expect, test } from 'vitest'
import { defaultRetryPolicy, retry, retryDelay, type RetryPolicy } from './retry.ts'

const policy: RetryPolicy = { attempts: 4, firstDelayMs: 1, maxDelayMs: 4, budgetMs: 60_000 }
const passing = new Error('passing')

describe('waits', () => {
  test('double up to a limit, half of them by chance', () => {
    const delays = [2, 3, 4, 5, 6, 7, 8].map((attempt) => [
      retryDelay(defaultRetryPolicy, attempt, 0),
      retryDelay(defaultRetryPolicy, attempt, 1),
    ])

    expect(delays).toEqual([
      [250, 500],
      [500, 1000],
      [1000, 2000],
      [2000, 4000],
      [4000, 8000],
      [5000, 10_000],
      [5000, 10_000],
    ])
  })
})

describe('work', () => {
  test('is done again until it succeeds', async () => {
    const seen: number[] = []

    const value = await retry(
      (attempt) => {
        seen.push(attempt)
        return attempt < 3 ? Promise.reject(passing) : Promise.resolve('done')
      },
      { policy, retryable: () => true },
    )

    expect([value, seen]).toEqual(['done', [1, 2, 3]])
  })

  test.each([
    ['as often as the policy says', policy, () => true, 4],
    ['once, where another try cannot help', policy, () => false, 1],
    ['once, where its time is over', { ...policy, budgetMs: -1 }, () => true, 1],
  ])('fails with its last error: %s', async (_name, chosen, retryable, times) => {
    let tries = 0
    const failing = () => {
      tries += 1
      return Promise.reject(new Error(`try ${tries}`))
    }

    await expect(retry(failing, { policy: chosen, retryable })).rejects.toThrow(`try ${times}`)

    expect(tries).toBe(times)
  })

  test('ends with the signal, also while it waits', async () => {
    const stop = new AbortController()
    const slow = { ...policy, firstDelayMs: 60_000, maxDelayMs: 60_000 }
    const working = retry(() => Promise.reject(passing), { policy: slow, retryable: () => true, signal: stop.signal })

    stop.abort()

    await expect(working).rejects.toMatchObject({ name: 'AbortError' })
  })
})

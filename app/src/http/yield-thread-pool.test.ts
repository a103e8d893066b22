import { execFile } from 'node:child_process'
import { platform } from 'node:os'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** Prints what the function returned, the main thread's niceness, and that of each thread that hashes. In a process of its own, because it cannot be taken back. */
const program = `
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { yieldThreadPool } from '${new URL('yield-thread-pool.ts', import.meta.url).href}'
const count = await yieldThreadPool()
const workers = readdirSync('/proc/self/task').filter((id) => readFileSync(\`/proc/self/task/\${id}/comm\`, 'utf8').trim() === 'libuv-worker')
console.log(JSON.stringify({ count, main: getPriority(), workers: workers.map((id) => getPriority(Number(id))) }))
`

test.runIf(platform() === 'linux')('the threads that hash passwords give way, the one that answers does not', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  const { count, main, workers } = JSON.parse(stdout) as { count: number; main: number; workers: readonly number[] }

  expect(count).toBeGreaterThanOrEqual(4)
  expect(workers).toEqual(Array.from({ length: count }, () => 19))
  expect(main).toBeLessThan(19)
})

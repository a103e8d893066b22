import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Pool } from 'undici'
import { Guarded } from './guard-interceptor.ts'

let asked = 0
const server = createServer((_request, response) => {
  asked++
  setTimeout(() => response.end('{}'), 30)
})
let pool: Pool

beforeEach(async () => {
  asked = 0
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  pool = new Pool(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 1 })
})

afterEach(async () => {
  await pool.destroy()
  server.close()
})

it('lets a request through that the guard allows', async () => {
  const { statusCode, body } = await new Guarded(() => {}).dispatcher(pool).request({ method: 'GET', path: '/' })

  expect([statusCode, await body.text(), asked]).toEqual([200, '{}', 1])
})

it('asks when the first byte is about to leave: what changes while the request waits for a connection counts', async () => {
  let open = true
  const guarded = new Guarded(() => {
    if (!open) throw new Error('shut')
  })
  const first = guarded.dispatcher(pool).request({ method: 'GET', path: '/' })
  const second = guarded.dispatcher(pool).request({ method: 'GET', path: '/' })
  const refusal = expect(second).rejects.toThrow('shut')
  const { body } = await first

  open = false
  await body.text()

  await refusal
  expect(asked).toBe(1)
  expect(guarded.refusal?.message).toBe('shut')
})

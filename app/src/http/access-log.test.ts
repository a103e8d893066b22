import { once } from 'node:events'
import { connect } from 'node:net'
import type { LogLevel } from '../config.ts'
import { describe, expect, test } from 'vitest'
import { createStreamLogger } from '../telemetry/logger.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { withAccessLog } from './access-log.ts'
import { createHttpServer, listen } from './server.ts'

/** Sends one request as it is, and returns what was logged. */
async function logged(head: string, level: LogLevel = 'info'): Promise<readonly string[]> {
  const lines: string[] = []
  const log = createStreamLogger(level, { write: (line: string) => void lines.push(line) })
  const metrics = createMetrics({ version: 'test' })
  const server = createHttpServer(withAccessLog((_request, response) => response.end('answer'), { log, metrics, isDraining: () => false }))
  const socket = connect(await listen(server, 0), '127.0.0.1')
  socket.write(`${head}\r\nHost: x\r\nConnection: close\r\n\r\n`)
  socket.resume()
  await once(socket, 'close')
  await new Promise((resolve) => {
    server.close(resolve)
  })
  return lines
}

describe('the line of a request', () => {
  test.each([
    ['a plain path', '/notes/1/', '/notes/1/'],
    ['a question, which is private', '/search/?q=secret', '/search/'],
    ['a quote and a backslash', '/a"b\\c', '/a"b\\c'],
    ['what may be a token', `/reset/${'a'.repeat(43)}/`, '/reset/…/'],
  ])('%s', async (_what, url, path) => {
    const lines = await logged(`GET ${url} HTTP/1.1\r\nX-Request-Id: from-a-proxy:1`)

    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^\{"level":"info","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",.*\}\n$/)
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.any(String) as string,
      requestId: 'from-a-proxy:1',
      method: 'GET',
      path,
      route: 'unmatched',
      status: 200,
      durationMs: expect.any(Number) as number,
      address: expect.stringContaining('127.0.0.1') as string,
      message: 'request',
    })
  })

  test('an id that is not fit for a log is not taken over', async () => {
    const [line = ''] = await logged('GET / HTTP/1.1\r\nX-Request-Id: "},{"level":"fatal')

    expect((JSON.parse(line) as { requestId: string }).requestId).toMatch(/^[\w-]{16}$/)
  })

  test('there is none above its level', async () => {
    expect(await logged('GET / HTTP/1.1', 'warn')).toEqual([])
  })
})

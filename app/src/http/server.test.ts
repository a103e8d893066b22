import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApp, type StartedApp } from '../testing/start-app.ts'
import { createApp } from './app.ts'
import { createHttpServer, listen } from './server.ts'

let app: StartedApp
let port: number
const server = { close: () => undefined as void }
beforeAll(async () => {
  app = await startApp()
  const slow = createHttpServer(createApp(app.context))
  // Of a test; the real ones are above a proxy's idle time.
  slow.headersTimeout = 300
  slow.requestTimeout = 300
  port = await listen(slow, 0)
  server.close = () => {
    slow.closeAllConnections()
    slow.close()
  }
})
afterAll(async () => {
  server.close()
  await app[Symbol.asyncDispose]()
})

/** Sends the beginning of a request, then nothing, and reads until the server has had enough. */
async function dawdle(beginning: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (bytes: Buffer) => (answer += bytes.toString()))
  socket.write(beginning)
  await once(socket, 'close')
  return answer
}

const form = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nemail='
const json = 'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"name":'

describe('who sends too slowly', () => {
  test.concurrent.each([
    ['the head', 'GET /signin/ HTTP/1.1\r\nHost: x\r\nX-A: b'],
    ['a form', `POST /signin/ HTTP/1.1\r\nHost: x\r\n${form}`],
    [
      'a form in chunks',
      `POST /signin/ HTTP/1.1\r\nHost: x\r\n${form.replace('Content-Length: 1000', 'Transfer-Encoding: chunked').replace('email=', '6\r\nemail=')}`,
    ],
    ['JSON without a token', `POST /api/v1/notes HTTP/1.1\r\nHost: x\r\n${json}`],
  ])('%s is answered once, with a refusal, while others are served', async (what, beginning) => {
    const waiting = dawdle(beginning)

    const other = await fetch(`http://127.0.0.1:${port}/signin/`)
    const answer = await waiting

    expect(other.status).toBe(200)
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual([what.startsWith('JSON') ? 'HTTP/1.1 401' : 'HTTP/1.1 408'])
    if (!what.startsWith('JSON')) expect(answer).toContain('<strong>note</strong>jam:')
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(app.lines.filter((line) => /"level":[56]0/.test(line))).toEqual([])
  })
})

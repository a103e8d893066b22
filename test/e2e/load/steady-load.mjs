// A person's browser that never tires: so many requests a second on keep-alive connections, in open loop, none repeated. Runs by Node alone, on this
// machine or in a pod. LOAD is JSON: {base, host, origin, rate, email, password, port, sockets, scheduling}; answers GET /state and GET /stop on `port`.
import { Agent, createServer, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const { base, host, origin, rate, email, password, port, sockets = 32, scheduling = 'lifo' } = JSON.parse(process.env.LOAD)
const agent = new Agent({ keepAlive: true, maxSockets: sockets, scheduling })
const cookies = new Map()
const failures = []
const acknowledged = new Set()
const counts = { sent: 0, answered: 0, failed: 0 }
const timeoutMs = 20_000
/** Failures that are kept with their times. */
const mostFailures = 5_000
const now = { phase: 'starting', inFlight: 0 }
let lastNote

function send(method, path, fields) {
  const { promise, resolve, reject } = Promise.withResolvers()
  const body = fields === undefined ? undefined : new URLSearchParams(fields).toString()
  const headers = { host, cookie: [...cookies].map((pair) => pair.join('=')).join('; ') }
  if (body !== undefined) {
    Object.assign(headers, { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body), origin })
  }
  const outgoing = request(new URL(path, base), { method, headers, agent, timeout: timeoutMs }, (incoming) => {
    const parts = []
    incoming.on('data', (part) => parts.push(part))
    incoming.on('error', reject)
    incoming.on('end', () => {
      for (const line of incoming.headers['set-cookie'] ?? []) {
        const [pair] = line.split(';')
        const at = pair.indexOf('=')
        cookies.set(pair.slice(0, at), pair.slice(at + 1))
      }
      resolve({ status: incoming.statusCode, location: incoming.headers.location, text: Buffer.concat(parts).toString() })
    })
  })
  outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)))
  outgoing.on('error', reject)
  outgoing.end(body)
  return promise
}

async function enter() {
  for (;;) {
    try {
      const up = await send('POST', '/signup/', { email, password, confirm_password: password })
      const inside = await send('POST', '/signin/', { email, password })
      if (inside.status === 302) return
      console.error(`sign up ${up.status}, sign in ${inside.status}`)
    } catch (error) {
      console.error(String(error))
    }
    await sleep(1000)
  }
}

async function write(number) {
  const name = `load-${number}`
  const answer = await send('POST', '/notes/create/', { name, text: `written by request ${number}`, pad_id: '' })
  if (answer.status !== 302 || answer.location !== '/') throw new Error(`POST answered ${answer.status} ${answer.location ?? ''}`)
  acknowledged.add(name)
}

async function read(number) {
  const path = number % 2 === 0 || lastNote === undefined ? '/' : lastNote
  const answer = await send('GET', path)
  if (answer.status !== 200 || !answer.text.includes(email)) throw new Error(`GET ${path} answered ${answer.status}`)
  lastNote ??= /href="(\/notes\/\d+\/)"/.exec(answer.text)?.[1]
}

async function fire(number) {
  const sentAt = new Date().toISOString()
  counts.sent += 1
  now.inFlight += 1
  try {
    await (number % 5 === 0 ? write(number) : read(number))
    counts.answered += 1
  } catch (error) {
    counts.failed += 1
    if (failures.length < mostFailures) failures.push({ sentAt, at: new Date().toISOString(), error: error.message, code: error.code })
  } finally {
    now.inFlight -= 1
  }
}

/** Acknowledged notes that no page of the list shows. */
async function missing() {
  const left = new Set(acknowledged)
  for (let page = 1; left.size > 0; page += 1) {
    const { text } = await send('GET', `/?page=${page}`)
    const names = [...text.matchAll(/>(load-\d+)</g)].map(([, name]) => name)
    if (names.length === 0) break
    for (const name of names) left.delete(name)
  }
  return [...left]
}

const state = () => ({ phase: now.phase, ...counts, acknowledged: acknowledged.size, failures })

createServer(async (incoming, response) => {
  if (incoming.url === '/stop') {
    now.phase = 'stopping'
    while (now.inFlight > 0) await sleep(20)
    response.end(JSON.stringify({ ...state(), missing: await missing() }))
    setImmediate(() => process.exit(0))
    return
  }
  response.end(JSON.stringify(state()))
}).listen(port)

// Of a test that was killed nothing is to be left.
if (process.env.LOAD_ENDS_WITH_STDIN === 'true') process.stdin.on('end', () => process.exit(1)).resume()

await enter()
now.phase = 'running'
const started = performance.now()
for (let number = 0; now.phase === 'running'; number += 1) {
  await sleep(Math.max(0, started + (number * 1000) / rate - performance.now()))
  void fire(number)
}

// Stands before the app's own entry point and breaks what NOTEJAM_TEST_BEHAVIOUR names.
import http from 'node:http'
import { syncBuiltinESMExports } from 'node:module'

const behaviour = process.env.NOTEJAM_TEST_BEHAVIOUR
const command = process.argv[2]

/** Puts `instead` in front of every server; it says whether it has answered. */
function standBefore(instead) {
  const { createServer } = http
  http.createServer = (...args) => {
    const handler = args.pop()
    return createServer(...args, (request, response) => instead(request, response) || handler(request, response))
  }
  syncBuiltinESMExports()
}

function answer(response, status) {
  response.writeHead(status)
  response.end('as the test wants it\n')
  return true
}

const isOps = ({ url }) => ['/healthz', '/readyz', '/metrics'].includes(url)

if (behaviour === 'crashes' && command === 'serve') {
  console.error('this image crashes at start, as the test wants it')
  process.exit(42)
}
if (behaviour === 'never-ready' && command === 'serve') {
  standBefore((request, response) => request.url === '/readyz' && answer(response, 503))
}
if (behaviour === 'answers-500' && command === 'serve') {
  standBefore((request, response) => !isOps(request) && answer(response, 500))
}
if (behaviour === 'fails-migration' && command === 'migrate') {
  console.error('this migration fails, as the test wants it')
  process.exit(1)
}
if (behaviour === 'hangs-migration' && command === 'migrate') {
  setInterval(() => {}, 1_000)
} else {
  process.argv[1] = '/app/main.js'
  await import('/app/main.js')
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, expect, inject, test } from 'vitest'
import { waitFor } from '../cluster/wait-for.ts'
import { FaultProxy } from '../fault-proxy/fault-proxy.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { testNamespace } from '../support/namespace.ts'
import { instanceType } from './instance-scene.ts'

const main = join(import.meta.dirname, '../../operator/src/main.ts')
const api = controlPlaneApi()

afterAll(async () => {
  await api.close()
})

test('a second signal ends the operator at once, though a pass still runs', async () => {
  await applyCrds(api)
  const namespace = await testNamespace(api)
  await using proxy = await FaultProxy.start(inject('controlPlane').kubeconfig)
  // Writes are never answered: the pass runs until it is cut, 30 s after the first signal.
  proxy.inject({ fault: { type: 'Hang' }, when: ({ method }) => method !== 'GET' })
  const args = [
    main,
    'run',
    '--kubeconfig',
    proxy.kubeconfig,
    '--namespace',
    namespace,
    '--listen',
    '127.0.0.1:0',
    '--leader-election',
    'off',
  ]
  const operator = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const exit = once(operator, 'exit')
  const spec = {
    environment: 'Test',
    image: 'registry.example/notejam:1',
    database: { type: 'SQLite', sqlite: { storage: { size: '1Gi' } } },
    http: { hosts: ['notes.example.org'], ingress: {} },
  }
  await api.create({ ...instanceType, metadata: { name: 'notes', namespace }, spec })
  await waitFor(() => proxy.requests.some(({ method }) => method !== 'GET'), { what: 'a write', timeoutMs: 20_000 })

  operator.kill('SIGTERM')
  const first = await Promise.race([exit, new Promise((resolve) => setTimeout(resolve, 1000, 'still running'))])
  operator.kill('SIGTERM')
  const [code] = (await exit) as [number | null]

  expect([first, code]).toEqual(['still running', 143])
})

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { VirtualClock } from '../runtime/virtual-clock.ts'
import { loadClusterConfig } from './config.ts'
import { ConfigError } from './errors.ts'

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'notejam-config-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

interface Parts {
  readonly name?: string
  readonly cluster?: Readonly<Record<string, unknown>>
  readonly user?: Readonly<Record<string, unknown>>
  readonly namespace?: string
}

function kubeconfig(path: string, { name = 'a', cluster = {}, user = {}, namespace }: Parts): string {
  const file = {
    'current-context': name,
    clusters: [{ name, cluster: { server: `https://${name}.example:6443/`, ...cluster } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, ...(namespace !== undefined && { namespace }) } }],
  }
  writeFileSync(path, stringify(file))
  return path
}

test('the first file of KUBECONFIG says which context, all of them what is in it', async () => {
  const home = folder()
  const first = kubeconfig(join(home, 'first'), { name: 'a', namespace: 'team' })
  const second = kubeconfig(join(home, 'second'), { name: 'b' })
  const environment = { KUBECONFIG: `${first}:${second}` }

  const current = await loadClusterConfig({ clock: new VirtualClock(), environment })
  const named = await loadClusterConfig({ clock: new VirtualClock(), environment, context: 'b' })

  expect([current.server, current.namespace]).toEqual(['https://a.example:6443', 'team'])
  expect([named.server, named.namespace]).toEqual(['https://b.example:6443', 'default'])
})

test('in a pod the mounted account is used, and its token read again when it was swapped', async () => {
  const mounted = folder()
  for (const [name, text] of Object.entries({ token: 'one', 'ca.crt': 'authority', namespace: 'team\n' }))
    writeFileSync(join(mounted, name), text)
  const clock = new VirtualClock()
  const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }

  const config = await loadClusterConfig({ clock, environment, serviceAccountFolder: mounted })
  const before = await config.credentials.current()
  writeFileSync(join(mounted, 'token'), 'two')
  const soon = await config.credentials.current()
  clock.advanceSync(10_000)
  const later = await config.credentials.current()

  expect([config.server, config.namespace]).toEqual(['https://[fd00::1]:443', 'team'])
  expect([before, soon, later].map(({ headers }) => headers['authorization'])).toEqual(['Bearer one', 'Bearer one', 'Bearer two'])
  expect(later.tls).toBe(before.tls)
  expect(later.tls).toEqual({ ca: 'authority' })
})

test('an authority that was swapped means new connections; a file that is just missing does not', async () => {
  const home = folder()
  writeFileSync(join(home, 'ca.crt'), 'old')
  const config = await loadClusterConfig({
    clock: new VirtualClock(),
    kubeconfig: kubeconfig(join(home, 'config'), { cluster: { 'certificate-authority': 'ca.crt' } }),
  })
  const before = await config.credentials.current()

  rmSync(join(home, 'ca.crt'))
  config.credentials.invalidate()
  const missing = await config.credentials.current()
  writeFileSync(join(home, 'ca.crt'), 'new')
  config.credentials.invalidate()
  const after = await config.credentials.current()

  expect(missing.tls).toBe(before.tls)
  expect(after.tls).toEqual({ ca: 'new' })
})

test.each([
  [{ token: 'secret' }, { authorization: 'Bearer secret' }],
  [{ username: 'ann', password: 'pass' }, { authorization: `Basic ${Buffer.from('ann:pass').toString('base64')}` }],
  [
    { token: 'secret', as: 'bob' },
    { authorization: 'Bearer secret', 'impersonate-user': 'bob' },
  ],
  [{}, {}],
])('a user with %o sends %o', async (user, headers) => {
  const config = await loadClusterConfig({ clock: new VirtualClock(), kubeconfig: kubeconfig(join(folder(), 'config'), { user }) })

  const credentials = await config.credentials.current()

  expect(credentials.headers).toEqual(headers)
})

test('certificates inside the file, the name to expect, no check and a proxy are kept', async () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const path = kubeconfig(join(folder(), 'config'), {
    cluster: {
      'certificate-authority-data': base64('authority'),
      'tls-server-name': 'other.example',
      'insecure-skip-tls-verify': true,
      'proxy-url': 'socks5://127.0.0.1:1080',
    },
    user: { 'client-certificate-data': base64('certificate'), 'client-key-data': base64('key') },
  })

  const config = await loadClusterConfig({ clock: new VirtualClock(), kubeconfig: path })
  const { tls } = await config.credentials.current()

  expect(config.proxyUrl).toBe('socks5://127.0.0.1:1080')
  expect(tls).toEqual({ ca: 'authority', cert: 'certificate', key: 'key', servername: 'other.example', rejectUnauthorized: false })
})

test('an exec plugin is started once for many callers, told how to speak, and again after it was refused', async () => {
  const home = folder()
  const plugin = join(home, 'plugin')
  const log = join(home, 'log')
  const answer = '{"kind":"ExecCredential","status":{"token":"\'$count\'"}}'
  writeFileSync(plugin, `#!/bin/sh\necho "$KUBERNETES_EXEC_INFO" >> ${log}\ncount=$(wc -l < ${log} | tr -d ' ')\necho '${answer}'\n`)
  chmodSync(plugin, 0o755)
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' }
  const config = await loadClusterConfig({ clock: new VirtualClock(), kubeconfig: kubeconfig(join(home, 'config'), { user: { exec } }) })

  const many = await Promise.all(Array.from({ length: 5 }, () => config.credentials.current()))
  config.credentials.invalidate()
  const again = await config.credentials.current()

  expect(new Set(many.map(({ headers }) => headers['authorization']))).toEqual(new Set(['Bearer 1']))
  expect(again.headers['authorization']).toBe('Bearer 2')
})

test("kubectl's word tokenFile is understood, relative to the file", async () => {
  const home = folder()
  mkdirSync(join(home, 'secrets'))
  writeFileSync(join(home, 'secrets', 'token'), 'from-file\n')
  const path = kubeconfig(join(home, 'config'), { user: { tokenFile: 'secrets/token' } })

  const { credentials } = await loadClusterConfig({ clock: new VirtualClock(), kubeconfig: path })

  expect((await credentials.current()).headers['authorization']).toBe('Bearer from-file')
})

test.each([
  ['nothing is configured', {}, /No API server is configured/],
  ['the file is missing', { KUBECONFIG: '/does/not/exist' }, /kubeconfig file \/does\/not\/exist cannot be used: ENOENT/],
])('when %s the message says what to do', async (_, environment, message) => {
  const loading = loadClusterConfig({ clock: new VirtualClock(), environment, serviceAccountFolder: '/does/not/exist' })

  await expect(loading).rejects.toBeInstanceOf(ConfigError)
  await expect(loading).rejects.toThrow(message)
})

test('a context that is not there is named with those that are', async () => {
  const path = kubeconfig(join(folder(), 'config'), {})

  await expect(loadClusterConfig({ clock: new VirtualClock(), kubeconfig: path, context: 'b' })).rejects.toThrow(
    'no context named "b"; there are a.',
  )
})

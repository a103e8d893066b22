import { expect, it } from 'vitest'
import type { BackupStoreSpec, InstanceSpec } from '../api/notejam.ts'
import { canRehearse } from './rehearsal.ts'

const storage = { size: '1Gi' }
const backup = { storeRef: { name: 'a' } }
const sqlite = { type: 'SQLite', sqlite: { storage } } as const
const external = { type: 'PostgreSQL', external: { secretRef: { name: 'db' } } } as const
const builtIn = { type: 'MySQL', builtIn: { image: 'mariadb:11.8', storage } } as const
const key: BackupStoreSpec['encryption'] = { recipients: ['age1a'], identitySecretRef: { name: 'key' } }
const verification = { serverImage: 'postgres:17' }

it.each<readonly [string, Partial<InstanceSpec>, BackupStoreSpec['encryption'] | undefined, true | RegExp]>([
  ['SQLite', { backup, database: sqlite }, key, true],
  ['an open store', { backup, database: sqlite }, { mode: 'None' }, true],
  ['a server for trials', { backup: { ...backup, verification }, database: external }, key, true],
  ['the server of a built-in database', { backup, database: builtIn }, key, true],
  ['the server of a built-in database, by default', { backup, database: { type: 'PostgreSQL', builtIn: {} } }, key, true],
  ['a store that cannot be used now', { backup, database: sqlite }, undefined, true],
  ['no archives', { database: sqlite }, undefined, /spec\.backup is not set/],
  ['no key', { backup, database: sqlite }, { recipients: ['age1a'] }, /a has no encryption\.identitySecretRef/],
  ['no server', { backup, database: external }, key, /serverImage is not set/],
])('with %s', (_what, spec, encryption, expected) => {
  const stores = encryption === undefined ? undefined : { first: { name: 'a', spec: { encryption } as BackupStoreSpec }, second: undefined }

  const answer = canRehearse({ spec: { environment: 'Test', image: 'notejam:1', ...spec } as InstanceSpec }, stores)

  if (expected === true) expect(answer).toBe(true)
  else expect(answer).toMatch(expected)
})

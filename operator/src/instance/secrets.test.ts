import { describe, expect, it } from 'vitest'
import type { InstanceSpec } from '../api/notejam.ts'
import type { Secret } from '../api/objects.ts'
import { effectivePolicy } from '../api/policy.ts'
import type { Client } from '../kube/client.ts'
import { ApiError } from '../kube/errors.ts'
import type { ObjectKey } from '../kube/object.ts'
import { sampleInstance, samples } from './resources/sample-instances.ts'
import { dependsOnOthers, readSecrets, type SecretsState } from './secrets.ts'

const key = 'k'.repeat(32)
const production: InstanceSpec = samples.production.instance.spec
const quickstart: InstanceSpec = samples.quickstart.instance.spec
const database = { ...samples.production.database }
const complete = {
  'notes-db': database,
  'db-ca': { 'ca.crt': 'pem' },
  smtp: { url: 'smtp://mail' },
  'notes-session': { 'secret-key': key },
}

type Secrets = Readonly<Record<string, Readonly<Record<string, string>>>>

function secret(name: string, entries: Readonly<Record<string, string>>, owner: string | null): Secret {
  const data = Object.fromEntries(Object.entries(entries).map(([entry, value]) => [entry, Buffer.from(value).toString('base64')]))
  const reference = { apiVersion: 'notejam.io/v1', kind: 'NotejamInstance', name: 'notes', uid: owner ?? '', controller: true }
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'team', ...(owner === null ? {} : { ownerReferences: [reference] }) },
    data,
  }
}

const ours = sampleInstance(quickstart).metadata.uid ?? ''

/** The Secrets of a namespace, behind the two calls that the operator has a right to. */
class SecretStore {
  readonly created: Secret[] = []
  readonly #secrets: Map<string, Secret>

  constructor(secrets: Secrets, owners: Readonly<Record<string, string | null>>) {
    this.#secrets = new Map(Object.entries(secrets).map(([name, entries]) => [name, secret(name, entries, owners[name] ?? null)]))
  }

  get client(): Client {
    const get = (_resource: unknown, { name }: ObjectKey): Promise<Secret> => {
      const found = this.#secrets.get(name)
      return found === undefined
        ? Promise.reject(new ApiError({ status: 404, reason: 'NotFound', message: `secrets "${name}" not found`, call: 'get secrets' }))
        : Promise.resolve(found)
    }
    const create = (_resource: unknown, object: Secret): Promise<Secret> => {
      this.created.push(object)
      return Promise.resolve(object)
    }
    return { get, create } as unknown as Client
  }
}

async function read(
  spec: InstanceSpec,
  secrets: Secrets,
  {
    owner = ours,
    databaseOwner = null,
    mayCreate = true,
  }: { readonly owner?: string | null; readonly databaseOwner?: string | null; readonly mayCreate?: boolean } = {},
): Promise<{ readonly state: SecretsState; readonly created: readonly Secret[] }> {
  const store = new SecretStore(secrets, { 'notes-session': owner, 'notes-database': databaseOwner })
  const state = await readSecrets({
    client: store.client,
    signal: AbortSignal.timeout(5000),
    instance: sampleInstance(spec),
    policy: effectivePolicy(spec),
    randomKey: mayCreate ? (bytes) => Buffer.alloc(bytes, 7).toString('base64') : undefined,
    now: Date.parse('2026-11-21T12:00:00Z'),
  })
  return { state, created: store.created }
}

const withSecret = (name: keyof typeof complete, entries: Readonly<Record<string, string>>): Secrets => ({ ...complete, [name]: entries })
const without = (name: string): Secrets => Object.fromEntries(Object.entries(complete).filter(([other]) => other !== name))

describe('readSecrets', () => {
  it('makes the key of the app once, and finds it afterwards', async () => {
    const first = await read(quickstart, {})
    const second = await read(quickstart, { 'notes-session': { 'secret-key': key } })

    expect(first.created.map(({ metadata }) => metadata.name)).toEqual(['notes-session'])
    expect(first.state).toMatchObject({ problems: [], connection: { type: 'SQLite' } })
    expect(second.created).toEqual([])
    expect(second.state.problems).toEqual([])
  })

  it('makes nothing while paused', async () => {
    const { state, created } = await read(quickstart, {}, { mayCreate: false })

    expect(created).toEqual([])
    expect(state.problems).toMatchObject([{ reason: 'SecretNotFound' }])
  })

  it('hands out no secret', async () => {
    const { state } = await read(production, complete)

    expect(state.problems).toEqual([])
    expect(JSON.stringify({ ...state, own: undefined })).not.toMatch(/kkkk|smtp:\/\/mail|"secret"|pem/)
    for (const object of state.own) expect(object).not.toHaveProperty('data')
  })

  it.each<[string, Secrets, object]>([
    ['the database Secret is missing', without('notes-db'), { reason: 'SecretNotFound', message: expect.stringContaining('notes-db') }],
    [
      'it lacks an entry',
      withSecret('notes-db', { host: 'h', user: 'u' }),
      { reason: 'SecretKeyMissing', message: expect.stringContaining('it lacks password, database') },
    ],
    [
      'its URL is of another engine',
      withSecret('notes-db', { url: 'mysql://h/n' }),
      { reason: 'SecretInvalid', message: expect.stringContaining('database.type PostgreSQL') },
    ],
    [
      'its port is none',
      withSecret('notes-db', { ...database, port: '99999' }),
      { reason: 'SecretInvalid', message: expect.stringContaining('is no address of a server') },
    ],
    [
      'the mail server is none',
      withSecret('smtp', { url: 'mail.example' }),
      { reason: 'SecretInvalid', message: expect.stringContaining('smtps://') },
    ],
    ['the authority is missing', without('db-ca'), { reason: 'SecretNotFound', message: expect.stringContaining('ca.crt') }],
    [
      'the authority has another entry',
      withSecret('db-ca', { ca: 'pem' }),
      { reason: 'SecretKeyMissing', message: expect.stringContaining('ca.crt') },
    ],
    ['the mail server is missing', without('smtp'), { reason: 'SecretNotFound', message: expect.stringContaining('smtp') }],
    [
      'the key is too short',
      withSecret('notes-session', { 'secret-key': 'short' }),
      { reason: 'SecretKeyMissing', message: expect.stringContaining('32 bytes') },
    ],
  ])('says that %s, and gives no hash by which pods would be rolled', async (_what, secrets, problem) => {
    const { state } = await read(production, secrets)

    expect(state.problems).toEqual([problem])
    expect(state.hash).toBeUndefined()
  })

  it.each<[string, Secrets]>([
    ['the password', withSecret('notes-db', { ...database, password: 'other' })],
    ['an entry of the same text under another name', withSecret('notes-db', { ...database, Password: 'secret' })],
    ['the authority', withSecret('db-ca', { 'ca.crt': 'pem2' })],
    ['the mail server', withSecret('smtp', { url: 'smtp://other' })],
    ['the key', withSecret('notes-session', { 'secret-key': 'l'.repeat(32) })],
  ])('gives another hash when %s changes', async (_what, changed) => {
    const [before, again, after] = await Promise.all([read(production, complete), read(production, complete), read(production, changed)])

    expect(again.state.hash).toBe(before.state.hash)
    expect(after.state.hash).toMatch(/^[0-9a-f]{16}$/)
    expect(after.state.hash).not.toBe(before.state.hash)
  })

  it('leaves a Secret of that name alone that is not ours', async () => {
    const { state } = await read(quickstart, { 'notes-session': { 'secret-key': key } }, { owner: null })

    expect(state).toMatchObject({ own: [], hash: undefined, outlived: [], problems: [{ reason: 'NameConflict' }] })
  })

  it('waits for one that an earlier instance of the same name left', async () => {
    const { state } = await read(quickstart, { 'notes-session': { 'secret-key': key } }, { owner: 'the-uid-of-before' })

    expect(state).toMatchObject({ own: [], hash: undefined, outlived: ['notes-session'], problems: [] })
  })
})

describe('the Secret of a built-in database', () => {
  const spec: InstanceSpec = samples['built-in-postgres'].instance.spec
  const session = { 'notes-session': { 'secret-key': key } }
  const made = async (): Promise<Readonly<Record<string, string>>> => {
    const { created } = await read(spec, session)
    const entries = Object.entries(created[0]?.data ?? {})
    return Object.fromEntries(entries.map(([entry, value]) => [entry, Buffer.from(value, 'base64').toString()]))
  }

  it('is made once, with everything that server and app need, and never handed out', async () => {
    const entries = await made()
    const again = await read(spec, { ...session, 'notes-database': entries }, { databaseOwner: ours })

    expect(Object.keys(entries).toSorted()).toEqual(
      ['ca.crt', 'database', 'host', 'password', 'port', 'tls.crt', 'tls.key', 'user'].toSorted(),
    )
    expect(entries).toMatchObject({ host: 'notes-database.team.svc', port: '5432', user: 'notejam', database: 'notejam' })
    expect(entries['password']).toMatch(/^[A-Za-z0-9_-]{32}$/)
    expect(again.created).toEqual([])
    expect(again.state).toMatchObject({ problems: [], connection: { builtIn: true, secretName: 'notes-database', tlsMode: 'VerifyFull' } })
    expect(JSON.stringify({ ...again.state, own: [] })).not.toContain(entries['password'])
    expect(again.state.own.map(({ metadata }) => metadata.name)).toEqual(['notes-session', 'notes-database'])
  })

  it('changes the hashes of server and app with its password', async () => {
    const entries = await made()
    const hashes = async (password: string) => {
      const { state } = await read(spec, { ...session, 'notes-database': { ...entries, password } }, { databaseOwner: ours })
      return [state.hash, state.databaseHash]
    }
    const [before, after] = await Promise.all([hashes('one'), hashes('other')])

    expect(before.filter((hash) => after.includes(hash))).toEqual([])
    for (const hash of [...before, ...after]) expect(hash).toMatch(/^[0-9a-f]{16}$/)
  })

  it('is left alone where it is not ours, waited for where an earlier instance left it, and asked for where it lacks an entry', async () => {
    const entries = await made()
    const { 'tls.key': _gone, ...incomplete } = entries
    const seen = async (database: Readonly<Record<string, string>>, databaseOwner: string | null) =>
      (await read(spec, { ...session, 'notes-database': database }, { databaseOwner })).state

    expect(await seen(entries, null)).toMatchObject({ connection: undefined, hash: undefined, problems: [{ reason: 'NameConflict' }] })
    expect(await seen(entries, 'before')).toMatchObject({ connection: undefined, problems: [], outlived: ['notes-database'] })
    expect(await seen(incomplete, ours)).toMatchObject({ databaseHash: undefined, problems: [{ reason: 'SecretKeyMissing' }] })
  })

  it('is not made while paused', async () => {
    const { state, created } = await read(spec, session, { mayCreate: false })

    expect(created).toEqual([])
    expect(state.problems).toMatchObject([{ reason: 'SecretNotFound' }])
  })
})

describe('dependsOnOthers', () => {
  const { app: _app, ...plain } = quickstart
  const sqlite = plain.database

  it.each<[string, InstanceSpec, boolean]>([
    ['nothing but the session key', plain, false],
    ['a session key of its own', { ...plain, app: { secretRef: { name: 'session' } } }, true],
    ['a mail server', { ...plain, app: { smtpSecretRef: { name: 'smtp' } } }, true],
    ['a database of its own', production, true],
    ['a built-in database, whose password people replace', { ...plain, database: { type: 'PostgreSQL', builtIn: {} } }, true],
    ['a claim', { ...plain, database: { ...sqlite, sqlite: { storage: { size: '1Gi', existingClaim: 'notes' } } } }, true],
  ])('%s', (_what, spec, expected) => {
    expect(dependsOnOthers(sampleInstance(spec))).toBe(expected)
  })
})

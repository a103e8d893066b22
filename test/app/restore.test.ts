import { spawn } from 'node:child_process'
import { createDecipheriv, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { erasedHash } from '../../app/src/accounts/erased-hash.ts'
import { formatManifest, type Manifest } from '../../app/src/archive/manifest.ts'
import { listTables } from '../../app/src/db/catalog.ts'
import { engines, type Engine } from '../../app/src/db/engine.ts'
import { createAgeKeys } from './age-keys.ts'
import { startApp } from './app-process.ts'
import { confirmed, contentOf, createArchiveWorld, fill, owner, type ArchiveWorld } from './archive-world.ts'
import { createTestDatabase, openTestDatabase, type TestDatabase } from './databases.ts'

const onDemand = ['backup', '--reason', 'OnDemand'] as const
const inPlace = ['restore', ...confirmed] as const

/** A database with rows and an archive of them, in which everything was changed afterwards. */
async function archived(world: ArchiveWorld, engine: Engine, accounts?: number) {
  const database = await createTestDatabase(engine)
  await using opened = await openTestDatabase(database)
  await fill(opened, accounts)
  const before = await contentOf(database)
  const { code, stdout } = await world.run(database, onDemand)
  expect([code, stdout]).toEqual([0, expect.stringContaining('Succeeded')])
  await sql`delete from notes where id > (select * from (select min(id) + 3 from notes) as few)`.execute(opened.db)
  await sql`update users set password_hash = 'lost'`.execute(opened.db)
  const changed = await contentOf(database)
  const identity = await opened.db.selectFrom('notejam_identity').selectAll().execute()
  return { database, before, changed, identity }
}

async function identityOf(database: TestDatabase) {
  await using opened = await openTestDatabase(database)
  return await opened.db.selectFrom('notejam_identity').selectAll().execute()
}

/** Changes one byte in the middle of an object. */
async function flip(path: string): Promise<void> {
  await using file = await open(path, 'r+')
  const { size } = await file.stat()
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, Math.trunc(size / 2))
  await file.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, Math.trunc(size / 2))
}

const keyOf = ({ backupID }: Pick<Manifest, 'backupID'>, name: string) =>
  `${owner.namespace}/${owner.instance}/${owner.instanceUid}/${backupID}/${name}`

describe.each(engines)('restore in place on %s', (engine) => {
  test('brings everything back, keeps the mark, and leaves nothing beside it', async () => {
    await using world = await createArchiveWorld()
    const { database, before, changed, identity } = await archived(world, engine)
    await using _ = database

    const unconfirmed = await world.run(database, ['restore', '--confirm', 'another'])
    const untouched = await contentOf(database)
    const restored = await world.run(database, inPlace)

    expect([unconfirmed.code, unconfirmed.report['outcome']]).toEqual([6, 'NotConfirmed'])
    expect(untouched).toEqual(changed)
    expect(restored.report).toMatchObject({ outcome: 'Restored', schemaVersion: 3, erasedAccounts: 0 })
    expect(await contentOf(database)).toEqual(before)
    expect(await identityOf(database)).toEqual(identity)
    const migrated = await world.run(database, ['migrate'])
    expect(migrated).toMatchObject({ code: 0, report: { outcome: 'NothingToDo' } })
    // Constraints have the names that migrations know, also after a second time.
    const constraints = await namedConstraints(database)
    await world.run(database, inPlace)
    expect(await namedConstraints(database)).toEqual(constraints)
    if (engine !== 'sqlite') expect(constraints).toContain('notes_pad')
  })

  test('is refused, and changes nothing: a damaged archive, a key that does not open it, another engine, a newer schema', async () => {
    await using world = await createArchiveWorld()
    const { database, changed } = await archived(world, engine, 20)
    await using _ = database
    const [manifest] = await world.manifests()
    if (manifest === undefined) throw new Error('there is no archive')
    const stranger = join(world.folder, '..', 'stranger')
    await writeFile(stranger, createAgeKeys().identity)
    const at = join(world.folder, keyOf(manifest, 'manifest.json'))
    const withManifest = async (change: Partial<Manifest>) => {
      await writeFile(at, formatManifest({ ...manifest, ...change }))
      return await world.run(database, inPlace)
    }

    const wrongKey = await world.run(database, inPlace, { STORE_IDENTITY_FILE: stranger })
    const noKey = await world.run(database, inPlace, { STORE_IDENTITY_FILE: '' })
    const otherEngine = await withManifest({ engine: engine === 'sqlite' ? 'postgres' : 'sqlite' })
    const newer = await withManifest({ schemaVersion: 99 })
    const otherRows = await withManifest({
      tables: manifest.tables.map((table) => (table.name === 'pads' ? { ...table, rows: table.rows + 1 } : table)),
    })
    await writeFile(at, formatManifest(manifest))
    await flip(join(world.folder, keyOf(manifest, 'data.age')))
    const flipped = await world.run(database, inPlace)

    expect([wrongKey, noKey, otherEngine, newer, otherRows, flipped].map(({ code, report }) => [code, report['outcome']])).toEqual([
      [1, 'WrongIdentity'],
      [2, 'IdentityMissing'],
      [9, 'OtherEngine'],
      [9, 'NewerSchema'],
      [8, 'ChecksumMismatch'],
      [8, 'ChecksumMismatch'],
    ])
    expect(flipped.report['message']).toContain(manifest.backupID)
    expect(await contentOf(database)).toEqual(changed)
  })

  test('stays out of a database of another instance, and of one with tables of somebody else', async () => {
    await using world = await createArchiveWorld()
    const { database, changed } = await archived(world, engine)
    await using _ = database
    await using foreign = await createTestDatabase(engine)
    await foreign.admin('create table somebodys (id integer)')

    const other = await world.run(database, inPlace, { NOTEJAM_INSTANCE_UID: 'uid-9' })
    const bootstrap = await world.run(database, ['restore', '--bootstrap', '--from', 'tests/notes'], { NOTEJAM_INSTANCE_UID: 'uid-9' })
    const strangers = await world.run(foreign, ['restore', '--bootstrap'])
    await database.admin('create table somebodys (id integer)')
    const beside = await world.run(database, inPlace)

    expect([other, bootstrap, strangers, beside].map(({ code, report }) => [code, report['outcome']])).toEqual([
      [6, 'FenceRefused'],
      [6, 'FenceRefused'],
      [6, 'FenceRefused'],
      [6, 'FenceRefused'],
    ])
    expect(await contentOf(database)).toMatchObject(changed as object)
  })

  test('who was erased since is not brought back', async () => {
    await using world = await createArchiveWorld()
    const { database } = await archived(world, engine)
    await using _ = database
    await using opened = await openTestDatabase(database)
    const user = await opened.db.selectFrom('users').selectAll().orderBy('id').executeTakeFirstOrThrow()
    await sql`delete from users where id = ${user.id}`.execute(opened.db)
    const idHash = erasedHash(world.secretKey, { id: user.id, emailKey: user.email_key })
    await opened.db.insertInto('erased_accounts').values({ id_hash: idHash, erased_at: 77 }).execute()
    await opened.close()
    const [manifest] = await world.manifests()

    const restored = await world.run(database, [...inPlace, '--backup', String(manifest?.backupID)])
    await world.run(database, onDemand)
    await using target = await createTestDatabase(engine)
    // The list lies beside the archives: a new database knows nobody.
    const elsewhere = await world.run(target, ['restore', '--bootstrap', '--backup', String(manifest?.backupID)])

    expect([restored.report, elsewhere.report]).toMatchObject([{ erasedAccounts: 1 }, { erasedAccounts: 1 }])
    for (const each of [database, target]) {
      await using again = await openTestDatabase(each)
      expect(await again.db.selectFrom('users').select('id').where('id', '=', user.id).execute()).toEqual([])
      expect(await again.db.selectFrom('notes').select('id').where('user_id', '=', user.id).execute()).toEqual([])
      expect(await again.db.selectFrom('users').select('id').execute()).toHaveLength(2)
      expect(await again.db.selectFrom('erased_accounts').select('id_hash').where('erased_at', '=', 77).execute()).toEqual([
        { id_hash: idHash },
      ])
    }
  })

  test('killed at every tenth of its run it ends, or what was there is served', { timeout: 240_000 }, async () => {
    await using world = await createArchiveWorld()
    const { database, before, changed } = await archived(world, engine, 10)
    await using _ = database
    const started = performance.now()
    await world.run(database, inPlace)
    const whole = performance.now() - started
    const outcomes = new Set<string>()

    for (let tenth = 1; tenth <= 10; tenth += 1) {
      await using opened = await openTestDatabase(database)
      await sql`update users set password_hash = 'lost'`.execute(opened.db)
      await sql`delete from notes where id > (select * from (select min(id) + 3 from notes) as few)`.execute(opened.db)
      await opened.close()
      await killedAfter(world, database, (whole * tenth) / 11)

      // The server may still be at what it was told last; it is done when the lock is free.
      expect(await world.run(database, ['migrate', '--wait', '30'])).toMatchObject({ code: 0 })
      const now = JSON.stringify(await contentOf(database))

      const served = now === JSON.stringify(before) ? 'restored' : now === JSON.stringify(changed) ? 'old' : 'neither'
      outcomes.add(served)
      expect(served).not.toBe('neither')
    }
    const last = await world.run(database, [...inPlace, '--wait', '30'])

    expect(last.code).toBe(0)
    expect(await contentOf(database)).toEqual(before)
    expect(outcomes).toContain('old')
    await using opened = await openTestDatabase(database)
    expect((await listTables(opened.db, engine)).join(' ')).not.toMatch(/notejam_(?:side|gone)_/)
  })

  test('people stay signed in, also in a new instance that gets the key from the archive alone', async () => {
    await using world = await createArchiveWorld()
    await using database = await createTestDatabase(engine)
    await using target = await createTestDatabase(engine)
    await world.run(database, ['migrate'])
    const cookie = await signUp(database, world)
    await world.run(database, onDemand, { SECRET_KEY: world.secretKey })
    const pair = generateKeyPairSync('x25519')
    const recipient = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64')

    const rebuilt = await world.run(target, ['restore', '--bootstrap', '--from', 'tests/notes', '--instance-uid', 'uid-2'], {
      SECRET_KEY: '',
      SECRET_KEY_RECIPIENT: recipient,
    })
    const again = await world.run(target, ['restore', '--bootstrap', '--from', 'tests/notes', '--instance-uid', 'uid-2'], {
      SECRET_KEY: '',
      SECRET_KEY_RECIPIENT: recipient,
    })

    expect([rebuilt.report['outcome'], again.report['outcome']]).toEqual(['Restored', 'AlreadyRestored'])
    const keys = [rebuilt, again].map(({ report }) => unseal(String(report['sealedSecretKey']), pair.privateKey))
    expect(keys).toEqual([world.secretKey, world.secretKey])
    expect([rebuilt, again].map(({ stdout, stderr }) => (stdout + stderr).includes(world.secretKey))).toEqual([false, false])
    await using app = await startApp({ databaseUrl: target.url, env: { SECRET_KEY: keys[0] ?? '' } })
    const page = await fetch(`${app.url}/settings/`, { headers: { cookie }, redirect: 'manual' })
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('stays@example.org')
  })
})

/** Runs the app until somebody has an account and a session. @returns the cookie */
async function signUp(database: TestDatabase, world: ArchiveWorld): Promise<string> {
  await using app = await startApp({ databaseUrl: database.url, env: { SECRET_KEY: world.secretKey } })
  const send = async (path: string, fields: Readonly<Record<string, string>>) =>
    await fetch(`${app.url}${path}`, {
      method: 'POST',
      body: new URLSearchParams(fields),
      headers: { origin: app.url },
      redirect: 'manual',
    })
  const person = { email: 'stays@example.org', password: 'a long password' }
  await send('/signup/', { ...person, confirm_password: person.password })
  const signedIn = await send('/signin/', person)
  return signedIn.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ')
}

/** What the operator does with a sealed key. */
function unseal(sealed: string, privateKey: KeyObject): string {
  const bytes = Buffer.from(sealed, 'base64')
  const [own, nonce, rest] = [bytes.subarray(0, 32), bytes.subarray(32, 44), bytes.subarray(44)]
  const publicKey = createPublicKey({
    key: Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), own]),
    format: 'der',
    type: 'spki',
  })
  const key = Buffer.from(hkdfSync('sha256', diffieHellman({ privateKey, publicKey }), new Uint8Array(0), 'notejam/secret-key/v1', 32))
  const decipher = createDecipheriv('aes-256-gcm', key, nonce)
  decipher.setAuthTag(rest.subarray(-16))
  return Buffer.concat([decipher.update(rest.subarray(0, -16)), decipher.final()]).toString()
}

async function killedAfter(world: ArchiveWorld, database: TestDatabase, milliseconds: number): Promise<void> {
  const child = spawn(process.execPath, ['app/src/main.ts', ...inPlace, '--wait', '30'], {
    env: { PATH: process.env['PATH'], ...world.env(database) },
    stdio: 'ignore',
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds)
  await once(child, 'close')
  clearTimeout(timer)
}

async function namedConstraints(database: TestDatabase): Promise<string[]> {
  const query = {
    sqlite: `select name from sqlite_master where type = 'index' and name not like 'sqlite%' order by name`,
    postgres: `select conname as name from pg_constraint where connamespace = 'public'::regnamespace order by conname`,
    mysql:
      'select constraint_name as name from information_schema.table_constraints where table_schema = database() order by constraint_name, table_name',
  }[database.engine]
  return ((await database.admin(query)) as { name: string }[]).map(({ name }) => name)
}

describe('what is chosen', () => {
  test('the newest that is good: one whose trial failed is passed over, a time is kept to, an unknown name is said', async () => {
    await using world = await createArchiveWorld()
    const { database, before } = await archived(world, 'sqlite')
    await using _ = database
    await new Promise((resolve) => {
      setTimeout(resolve, 1100)
    })
    await world.run(database, onDemand)
    const [old, bad] = await world.manifests()
    if (old === undefined || bad === undefined) throw new Error('there are no two archives')
    await flip(join(world.folder, keyOf(bad, 'data.age')))

    const tried = await world.run(database, ['verify'])
    const record = JSON.parse(await readFile(join(world.folder, keyOf(bad, 'verification.json')), 'utf8')) as unknown
    const triedAgain = await world.run(database, ['verify', '--backup', bad.backupID])
    const unknown = await world.run(database, [...inPlace, '--backup', '20200101T000000Z-00000000'])
    const restored = await world.run(database, inPlace)
    const byTime = await world.run(database, [...inPlace, '--not-after', old.startTime.replace(/\.\d+Z$/, 'Z')])

    expect(tried).toMatchObject({ code: 8, report: { outcome: 'ChecksumMismatch' } })
    expect(record).toMatchObject({ outcome: 'Failed', backupID: bad.backupID })
    expect(triedAgain.code).toBe(8)
    expect(unknown).toMatchObject({ code: 1, report: { outcome: 'NoSuchBackup' } })
    expect([restored.report['backupID'], byTime.report['backupID']]).toEqual([old.backupID, old.backupID])
    expect(await contentOf(database)).toEqual(before)
  })

  test('SQLite: while another process has the file open, nothing is switched', async () => {
    await using world = await createArchiveWorld()
    const { database, changed } = await archived(world, 'sqlite')
    await using _ = database
    await using opened = await openTestDatabase(database)
    await opened.db.selectFrom('users').select('id').execute()

    const run = await world.run(database, inPlace)

    expect([run.code, run.report['outcome']]).toEqual([3, 'DatabaseInUse'])
    expect(await contentOf(database)).toEqual(changed)
  })
})

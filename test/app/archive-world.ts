import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { parseManifest, type Manifest } from '../../app/src/archive/manifest.ts'
import { listTables } from '../../app/src/db/catalog.ts'
import { migrations } from '../../app/src/db/migrations/all.ts'
import type { OpenDatabase } from '../../app/src/db/open-database.ts'
import { nameKey } from '../../app/src/db/text-keys.ts'
import { putSearchWords, searchWords } from '../../app/src/db/search-index.ts'
import { createAgeKeys, type AgeKeys } from './age-keys.ts'
import { useDataTools } from './data-tools.ts'
import { migrateTest, openTestDatabase, type TestDatabase } from './databases.ts'
import { notejam, type Ended } from './notejam.ts'

/** A store in a folder, the keys for it, and the environment in which the data commands of one instance run. */
export interface ArchiveWorld extends AsyncDisposable {
  readonly folder: string
  readonly keys: AgeKeys
  readonly secretKey: string
  /** The environment of a command on this database. */
  env(database: TestDatabase, more?: Readonly<Record<string, string>>): Record<string, string>
  /** Runs a command and returns its report beside how it ended. */
  run(
    database: TestDatabase,
    args: readonly string[],
    more?: Readonly<Record<string, string>>,
  ): Promise<Ended & { readonly report: Report }>
  /** Manifests of the store, the oldest first. */
  manifests(): Promise<Manifest[]>
  /** Paths of all files of the store, below its folder. */
  files(): Promise<string[]>
}

/** The one line of a job command. */
export type Report = Readonly<Record<string, unknown>>

/** Whose archives they are. */
export const owner = { namespace: 'tests', instance: 'notes', instanceUid: 'uid-1' } as const
const owned = {
  NOTEJAM_NAMESPACE: owner.namespace,
  NOTEJAM_INSTANCE: owner.instance,
  NOTEJAM_INSTANCE_UID: owner.instanceUid,
  NOTEJAM_ENVIRONMENT: 'Production',
} as const

/** What a restore in place says. */
export const confirmed = ['--confirm', owner.instance] as const

/** Makes a world; disposing of it removes its folder. */
export async function createArchiveWorld(): Promise<ArchiveWorld> {
  await useDataTools()
  const root = await mkdtemp(join(tmpdir(), 'notejam-archives-'))
  const [folder, scratch, identityFile] = [join(root, 'store'), join(root, 'scratch'), join(root, 'identity')]
  await Promise.all([mkdir(folder), mkdir(scratch)])
  const keys = createAgeKeys()
  await writeFile(identityFile, `${keys.identity}\n`, { mode: 0o600 })
  const secretKey = `planted-${keys.recipient.slice(-40)}`
  const files = async () => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
  }
  const env: ArchiveWorld['env'] = (database, more = {}) => ({
    ...owned,
    LOG_LEVEL: 'info',
    DATABASE_URL: database.url,
    SECRET_KEY: secretKey,
    SCRATCH_DIR: scratch,
    STORE_PATH: folder,
    STORE_RECIPIENTS: keys.recipient,
    STORE_IDENTITY_FILE: identityFile,
    ...more,
  })
  return {
    folder,
    keys,
    secretKey,
    env,
    run: async (database, args, more) => {
      const ended = await notejam(args, env(database, more))
      return { ...ended, report: JSON.parse(ended.stdout.trim().split('\n').at(-1) ?? '{}') as Report }
    },
    manifests: async () => {
      const texts = await Promise.all(
        (await files()).filter((file) => file.endsWith('/manifest.json')).map((file) => readFile(join(folder, file), 'utf8')),
      )
      const manifests = texts.map((text) => parseManifest(text).manifest)
      return manifests.filter((manifest) => manifest !== undefined).toSorted((a, b) => (a.backupID < b.backupID ? -1 : 1))
    },
    files,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}

/** The environment of a trial: a server of its own, and nothing of the instance's database. */
export function scratchOf({ engine, url }: TestDatabase): Record<string, string> {
  return { SCRATCH_DATABASE_URL: engine === 'sqlite' ? '' : url, DATABASE_URL: '', SECRET_KEY: '' }
}

/** Texts that dumps, clients and encodings get wrong. */
export const awkwardTexts = [
  'plain',
  '',
  'NULL',
  '\\N',
  "it's \"quoted\" `back` ''twice'' $tag$ %s ?",
  'line\nbreak\r\nand\ttab and back\bspace',
  'trailing backslash \\',
  "\\' ); drop table notes; --",
  'ctrl \u001A and \u0001 and \u007F',
  'zażółć gęślą jaźń · Ελληνικά · русский · עברית · العربية · हिन्दी · ไทย · 日本語 · 한국어',
  'e\u0301 n\u0303 a\u030A\u0323 combining',
  '👩‍👩‍👧‍👦 🏳️‍🌈 🇺🇦 \u{1F9D1}\u{1F3FD}\u200D\u{1F680}',
  '\u{10FFFD}\u{20000} astral',
  '(1,2),(3,4);\n(5',
  'INSERT INTO `notes` VALUES (1)',
] as const

/** A time of which no part is zero. */
const time = 1_767_225_601_234

/** Whose database it is. */
const claim = { instanceUid: owner.instanceUid, environment: 'Production', fingerprint: undefined, adopt: undefined }

/** Brings the schema to its first form, marks it, and makes an account with a note. */
export async function fillFirstSchema(opened: OpenDatabase): Promise<void> {
  await migrateTest(opened, { claim, migrations: migrations.slice(0, 1) })
  await sql`insert into users (email, email_key, password_hash, created_at, password_changed_at) values ('a@x', 'a@x', '$argon2id$v=19$m=8', 1, 1)`.execute(
    opened.db,
  )
  await sql`insert into notes (user_id, name, text, created_at, updated_at) select id, 'Ärger', 'text', 1, 1 from users`.execute(opened.db)
}

/** Brings the schema to its newest form, marks it, and fills every table with rows of every kind. @returns the id of the first account */
export async function fill(opened: OpenDatabase, count = 3): Promise<number> {
  for (const phase of ['expand', 'contract'] as const) {
    await migrateTest(opened, { phase, claim })
  }
  const { db, engine } = opened
  for (let user = 1; user <= count; user += 1) {
    const email = `Pérson-${user}@example.org`
    await db
      .insertInto('users')
      .values({
        email,
        email_key: `pérson-${user}@example.org`,
        password_hash: '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$dGFndGFndGFndGFndGFndGFn',
        created_at: time,
        password_changed_at: time + user,
      })
      .execute()
    const { id } = await db.selectFrom('users').select('id').where('email', '=', email).executeTakeFirstOrThrow()
    const row = { user_id: id, created_at: time }
    const hash = (kind: string) => `${kind}${String(user).padStart(4, '0')}`.padEnd(64, '0').slice(0, 64)
    await db
      .insertInto('sessions')
      .values({
        ...row,
        token_hash: hash('a'),
        last_seen_at: time,
        expires_at: time * 2,
        user_agent: awkwardTexts[9].slice(0, 80),
        address: '::1',
      })
      .execute()
    await db
      .insertInto('password_resets')
      .values({ ...row, token_hash: hash('b'), expires_at: time, used_at: null })
      .execute()
    await db
      .insertInto('api_tokens')
      .values({
        ...row,
        name: `tök ${user}`,
        token_hash: hash('c'),
        hint: 'nj_',
        scopes: 'notes:read',
        expires_at: null,
        last_used_at: time,
      })
      .execute()
    await db
      .insertInto('pads')
      .values({ ...row, name: `Pad ${user} '\\`, name_key: nameKey(`Pad ${user} '\\`), updated_at: time, version: user, deleted_at: null })
      .execute()
    const pad = await db.selectFrom('pads').select('id').where('user_id', '=', id).executeTakeFirstOrThrow()
    const notes = [...awkwardTexts, 'long '.repeat(20_000)].map((text, at) => ({
      ...row,
      pad_id: at % 2 === 0 ? pad.id : null,
      name: text.slice(0, 40),
      name_key: nameKey(text.slice(0, 40)),
      text,
      updated_at: time + at,
      version: at + 1,
      deleted_at: at % 5 === 4 ? time + at : null,
      deletion_id: at % 5 === 4 ? `d-${at}` : null,
    }))
    await db.insertInto('notes').values(notes).execute()
    await db.updateTable('users').set({ note_count: notes.length }).where('id', '=', id).execute()
  }
  const stored = await db.selectFrom('notes').select(['id', 'name', 'text']).execute()
  for (let at = 0; at < stored.length; at += 20) {
    const entries = stored.slice(at, at + 20).map(({ id, name, text }) => ({ noteId: id, words: searchWords(name, text.slice(0, 2000)) }))
    await putSearchWords(db, engine, entries)
  }
  await db.insertInto('throttle_windows').values({ bucket: 'k|1', window_start: time, hits: 3 }).execute()
  await db
    .insertInto('mail_outbox')
    .values({
      recipient: 'p@example.org',
      subject: 's',
      text_body: awkwardTexts[4],
      html_body: null,
      created_at: time,
      next_attempt_at: time * 3,
    })
    .execute()
  await db
    .insertInto('erased_accounts')
    .values({ id_hash: 'e'.repeat(64), erased_at: time })
    .execute()
  const { id } = await db.selectFrom('users').select('id').orderBy('id').executeTakeFirstOrThrow()
  return id
}

/** Every row of every table but the identity, which no archive holds, and what a restore that was killed left beside. */
export async function contentOf(database: TestDatabase): Promise<unknown> {
  await using opened = await openTestDatabase(database)
  const tables = (await listTables(opened.db, opened.engine)).filter(
    (name) => !/^notejam_(?:identity|side_|gone_)|^note_search_/.test(name),
  )
  const content: Record<string, readonly string[]> = {}
  for (const table of tables) {
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(table)}`.execute(opened.db)
    content[table] = rows.map((row) => JSON.stringify(row)).toSorted()
  }
  return content
}

import { createInterface, type Interface } from 'node:readline'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { sql } from 'kysely'
import { AppError } from '../../errors.ts'
import { startTool, type Tool } from '../child.ts'
import { assertSums } from '../compare-sums.ts'
import { hashOfLanes, type TableSum } from '../row-hash.ts'
import { quoted, rowSumQuery } from '../row-sum-query.ts'
import type { LoadOptions } from './data-engine.ts'
import { libpqEnvironment } from './postgres-connection.ts'
import { serverOf } from './server-of.ts'

/**
 * Restores by `pg_restore` and `psql` in one transaction: the old tables go, the archive's come, their rows are summed up, and only then `commit` is
 * sent. Whoever is killed before that, on either side, leaves everything as it was: `psql` ends without a commit when its input ends.
 *
 * While it runs nobody can read the tables; the operator has stopped the app before.
 */
export async function loadPostgres(options: LoadOptions): Promise<number> {
  const { config, db, scratch, signal, content, manifest } = options
  const schema = await currentSchema(options)
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const env = await libpqEnvironment(serverOf(config), scratch, 'notejam-restore')
  const psql = openSession(startTool({ command: 'psql', args: psqlArguments, env, signal: either }))
  const restore = startTool({ command: 'pg_restore', args: ['--file=-', '--no-owner', '--no-privileges', '--no-comments'], signal: either })
  try {
    await psql.run(opening(options, schema))
    const from = manifest.databaseSchema ?? schema
    if (from !== schema) await psql.run(`create schema ${quoted('postgres', from)};`)
    const feeding = pipeline([content, inputOf(restore)], { signal: either })
    feeding.catch(() => undefined)
    const script = pipeline([withoutNewSettings(restore.stdout), psql.input], { signal: either, end: false })
    const [fed, ran, sent] = await Promise.allSettled([feeding, restore.done, script])
    signal.throwIfAborted()
    // The content first: a tool that got half an archive complains of that.
    for (const part of [fed, sent, ran]) {
      if (part.status === 'rejected' && !isBrokenPipe(part.reason)) throw await psql.failureOr(part.reason)
    }
    for (const part of [ran, fed, sent]) if (part.status === 'rejected') throw await psql.failureOr(part.reason)
    if (from !== schema) await psql.run(moveTables(manifest.tables, { from, to: schema }))
    await psql.run(`set search_path = ${quoted('postgres', schema)};`)
    assertSums(manifest.tables, await sums(psql, options, schema))
    const erased = await erase(psql, options)
    options.onLoaded()
    signal.throwIfAborted()
    // Whoever lost the lock must not switch: somebody else may have it.
    await sql`select 1`.execute(db)
    await psql.run('commit;')
    psql.input.end()
    await psql.tool.done
    return erased
  } finally {
    over.abort()
    await Promise.allSettled([psql.tool.done, restore.done])
  }
}

const psqlArguments = [
  '--no-psqlrc',
  '--quiet',
  '--no-align',
  '--tuples-only',
  '--field-separator=|',
  '--no-password',
  '--set=ON_ERROR_STOP=1',
]

async function currentSchema({ db }: LoadOptions): Promise<string> {
  const { rows } = await sql<{ schema: string }>`select current_schema() as schema`.execute(db)
  return rows[0]?.schema ?? 'public'
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** The mark is read on the connection that changes, and nobody changes it meanwhile. */
function opening({ identity, replaced }: LoadOptions, schema: string): string {
  const own = (name: string) => `${quoted('postgres', schema)}.${quoted('postgres', name)}`
  return [
    'set standard_conforming_strings = on;',
    "set lock_timeout = '15s';",
    'set idle_in_transaction_session_timeout = 0;',
    'begin;',
    `lock table ${own('notejam_identity')} in share row exclusive mode;`,
    `do $fence$ begin if not exists (select from ${own('notejam_identity')} where instance_uid = ${literal(identity.instance_uid)} and fingerprint = ${literal(identity.fingerprint)}) then raise exception 'the mark of this database has changed'; end if; end $fence$;`,
    ...(replaced.length === 0 ? [] : [`drop table if exists ${replaced.map(own).join(', ')};`]),
  ].join('\n')
}

function moveTables(tables: readonly { readonly name: string }[], { from, to }: { readonly from: string; readonly to: string }): string {
  const moves = tables.map(
    ({ name }) => `alter table ${quoted('postgres', from)}.${quoted('postgres', name)} set schema ${quoted('postgres', to)};`,
  )
  return [...moves, `drop schema ${quoted('postgres', from)};`].join('\n')
}

/** Servers before version 17 do not know a setting that the script of newer tools begins with. */
async function* withoutNewSettings(script: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0)
  for await (const chunk of script) {
    if (head === undefined) {
      yield chunk
      continue
    }
    head = Buffer.concat([head, chunk])
    if (head.length > 4096) {
      yield withoutSetting(head)
      head = undefined
    }
  }
  if (head !== undefined) yield withoutSetting(head)
}

function withoutSetting(head: Buffer): Buffer {
  return Buffer.from(head.toString('latin1').replace('SET transaction_timeout = 0;\n', ''), 'latin1')
}

interface Session {
  readonly tool: Tool
  readonly input: Tool['stdin']
  /** Runs statements, waits until they were done, and returns the lines that they answered. */
  run(statements: string): Promise<string[]>
  /** How the session failed, which explains more than what broke after it; else the error. */
  failureOr(error: unknown): Promise<unknown>
}

/** A `psql` that is told statement by statement. */
function openSession(tool: Tool): Session {
  const lines: Interface = createInterface({ input: tool.stdout })
  let number = 0
  const answers: string[] = []
  let onLine: () => void = () => undefined
  lines.on('line', (line) => {
    answers.push(line)
    onLine()
  })
  const gone = tool.done.then(() => {
    throw new AppError('psql ended before it was told to', { code: 'ToolFailed' })
  })
  gone.catch(() => undefined)
  return {
    tool,
    input: tool.stdin,
    run: async (statements) => {
      number += 1
      const mark = `notejam-done-${number}`
      answers.length = 0
      const { promise, resolve } = Promise.withResolvers<string[]>()
      onLine = () => {
        if (answers.at(-1) === mark) resolve(answers.slice(0, -1))
      }
      if (!tool.stdin.write(`${statements}\nselect ${literal(mark)};\n`)) await Promise.race([once(tool.stdin, 'drain'), gone])
      return await Promise.race([promise, gone])
    },
    failureOr: async (error) => {
      tool.stdin.end()
      return await tool.done.then(
        () => error,
        (failure: unknown) => failure,
      )
    },
  }
}

/**
 * The input of `pg_restore`, which ends as soon as it has read what it needs. The rest is passed over and not an error, so that the content is read to its
 * end, where its checksums are compared; when the tool failed, it is one.
 */
function inputOf({ stdin, done }: Tool): Writable {
  let failure: unknown
  done.catch((error: unknown) => {
    failure = error
  })
  return new Writable({
    write: (chunk: Uint8Array, _encoding, callback) => {
      if (failure !== undefined) callback(Object.assign(new Error('pg_restore ended early', { cause: failure }), { code: 'EPIPE' }))
      else if (stdin.destroyed) callback()
      else stdin.write(chunk, () => callback())
    },
    final: (callback) => {
      stdin.end()
      callback()
    },
    // An archive that fails is the end of the tool, which would wait for the rest of it.
    destroy: (error, callback) => {
      if (error !== null) stdin.destroy()
      callback(error)
    },
  })
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE')
}

async function sums(psql: Session, { manifest, signal }: LoadOptions, schema: string): Promise<TableSum[]> {
  const found: TableSum[] = []
  for (const { name } of manifest.tables) {
    signal.throwIfAborted()
    const columns = await psql.run(
      `select attname from pg_catalog.pg_attribute where attrelid = ${literal(`${quoted('postgres', schema)}.${quoted('postgres', name)}`)}::regclass and attnum > 0 and not attisdropped order by attnum;`,
    )
    const [row = ''] = await psql.run(`${rowSumQuery('postgres', { name, columns })};`)
    const [rows, ...lanes] = row.split('|')
    found.push({ name, rows: Number(rows), hash: hashOfLanes(lanes) })
  }
  return found
}

/** Deletes again who is on the list, and writes the list down. */
async function erase(psql: Session, { erase: plan, manifest }: LoadOptions): Promise<number> {
  if (plan.erased.length === 0 || !manifest.tables.some(({ name }) => name === 'erased_accounts')) return 0
  const accounts = await psql.run(`select id || ' ' || encode(convert_to(email_key, 'UTF8'), 'hex') from users;`)
  const ids = accounts
    .map((line) => line.split(' '))
    .map(([id = '', key = '']) => ({ id: Number(id), emailKey: Buffer.from(key, 'hex').toString() }))
    .filter(plan.isErased)
    .map(({ id }) => id)
  if (ids.length > 0) {
    const list = ids.join(', ')
    await psql.run(
      `delete from mail_outbox where recipient in (select email from users where id in (${list}));\ndelete from users where id in (${list});`,
    )
  }
  const rows = plan.erased.map(({ idHash, erasedAt }) => `(${literal(idHash)}, ${erasedAt})`)
  await psql.run(`insert into erased_accounts (id_hash, erased_at) values ${rows.join(', ')} on conflict do nothing;`)
  return ids.length
}

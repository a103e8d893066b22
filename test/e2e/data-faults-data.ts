import type { Kubectl } from '../support/kubectl.ts'
import { lostName } from './losses-engines.ts'

const columns = 'user_id, name, name_key, text, created_at, updated_at'

/** Much data, of an account of which nobody knows. */
export interface Bulk {
  /** Notes, of a KiB each that does not compress well. */
  readonly rows: number
  /** Of the account; another one each time. */
  readonly email: string
}

type Fill = (kubectl: Kubectl, namespace: string, bulk: Bulk) => Promise<void>

/** Puts much data into the database of the instance in a namespace, past the app. */
export const fillDatabase: Readonly<Record<'postgresql' | 'mariadb' | 'sqlite', Fill>> = {
  postgresql: async (kubectl, namespace, { rows, email }) => {
    const text = Array.from({ length: 32 }, () => 'md5(random()::text)').join(' || ')
    const notes = `insert into notes (${columns}) select ${idOf(email)}, 'bulk ' || n, 'bulk ' || n, ${text}, 1, 1 from generate_series(1, ${rows}) n`
    const psql = ['psql', '-U', 'notejam', '-d', 'notejam', '-v', 'ON_ERROR_STOP=1', '-c', account(email), '-c', notes]
    await kubectl.run(['exec', '-n', namespace, 'deploy/postgres', '--', ...psql])
  },
  mariadb: async (kubectl, namespace, { rows, email }) => {
    const text = Array.from({ length: 32 }, () => 'md5(rand())').join(', ')
    const name = `concat('bulk ', seq)`
    const notes = `insert into notes (${columns}) select ${idOf(email)}, ${name}, ${name}, concat(${text}), 1, 1 from seq_1_to_${rows}`
    const command = `exec mariadb --user=root --password="$MARIADB_ROOT_PASSWORD" notejam`
    await kubectl.run(['exec', '-i', '-n', namespace, 'deploy/mariadb', '--', 'sh', '-c', command], `${account(email)};\n${notes};\n`)
  },
  sqlite: async (kubectl, namespace, { rows, email }) => {
    const series = `with recursive s(n) as (select 1 union all select n + 1 from s where n < ${rows})`
    const notes = `insert into notes (${columns}) ${series} select ${idOf(email)}, 'bulk ' || n, 'bulk ' || n, hex(randomblob(512)), 1, 1 from s`
    const statements = [account(email), notes].map((statement) => `db.exec(${JSON.stringify(statement)})`).join('; ')
    const script = `const { DatabaseSync } = require('node:sqlite'); const db = new DatabaseSync('/data/notejam.db', { timeout: 20000 }); ${statements}; db.close()`
    await kubectl.run(['exec', '-n', namespace, `deploy/${lostName}`, '--', '/usr/local/bin/node', '-e', script])
  },
}

function account(email: string): string {
  return `insert into users (email, email_key, password_hash, created_at, password_changed_at) values ('${email}', '${email}', '-', 1, 1)`
}

function idOf(email: string): string {
  return `(select id from users where email = '${email}')`
}

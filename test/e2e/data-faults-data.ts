import type { Kubectl } from '../support/kubectl.ts'
import { lostName } from './losses-engines.ts'

/** Notes of nobody who looks, so many that a run takes long enough to be killed at any tenth of it; each a KiB that does not compress well. */
const rows = 24_000
const columns = 'user_id, name, name_key, text, created_at, updated_at'
const owner = `insert into users (email, email_key, password_hash, created_at, password_changed_at) values ('bulk@example.org', 'bulk@example.org', '-', 1, 1)`
const ofOwner = `(select id from users where email = 'bulk@example.org')`

/** Puts much data into the database of the instance in a namespace, past the app. */
export const fillDatabase: Readonly<Record<'postgresql' | 'mariadb' | 'sqlite', (kubectl: Kubectl, namespace: string) => Promise<void>>> = {
  postgresql: async (kubectl, namespace) => {
    const text = Array.from({ length: 32 }, () => 'md5(random()::text)').join(' || ')
    const notes = `insert into notes (${columns}) select ${ofOwner}, 'bulk ' || n, 'bulk ' || n, ${text}, 1, 1 from generate_series(1, ${rows}) n`
    const psql = ['psql', '-U', 'notejam', '-d', 'notejam', '-v', 'ON_ERROR_STOP=1', '-c', owner, '-c', notes]
    await kubectl.run(['exec', '-n', namespace, 'deploy/postgres', '--', ...psql])
  },
  mariadb: async (kubectl, namespace) => {
    const text = Array.from({ length: 32 }, () => 'md5(rand())').join(', ')
    const name = `concat('bulk ', seq)`
    const notes = `insert into notes (${columns}) select ${ofOwner}, ${name}, ${name}, concat(${text}), 1, 1 from seq_1_to_${rows}`
    const command = `exec mariadb --user=root --password="$MARIADB_ROOT_PASSWORD" notejam`
    await kubectl.run(['exec', '-i', '-n', namespace, 'deploy/mariadb', '--', 'sh', '-c', command], `${owner};\n${notes};\n`)
  },
  sqlite: async (kubectl, namespace) => {
    const series = `with recursive s(n) as (select 1 union all select n + 1 from s where n < ${rows})`
    const notes = `insert into notes (${columns}) ${series} select ${ofOwner}, 'bulk ' || n, 'bulk ' || n, hex(randomblob(512)), 1, 1 from s`
    const script = `const { DatabaseSync } = require('node:sqlite'); const db = new DatabaseSync('/data/notejam.db', { timeout: 20000 }); db.exec(${JSON.stringify(owner)}); db.exec(${JSON.stringify(notes)}); db.close()`
    await kubectl.run(['exec', '-n', namespace, `deploy/${lostName}`, '--', '/usr/local/bin/node', '-e', script])
  },
}

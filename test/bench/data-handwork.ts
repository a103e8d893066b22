import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rowSumQuery, type SummedTable } from '../../app/src/backup/row-sum-query.ts'
import type { DatabaseConfig } from '../../app/src/db/database-config.ts'

/** What is done by hand, each a script for bash. */
export interface Handwork {
  readonly backup: string
  readonly restore: string
}

/** Options of {@link handwork}. */
export interface HandworkOptions {
  readonly config: DatabaseConfig
  readonly tables: readonly SummedTable[]
  /** Holds `identity` and `recipients`, and what the scripts leave. */
  readonly folder: string
}

/**
 * The same work by hand, as a person who is in a hurry would write it: the engine's own dump, hashes of all rows, zstd at the same level, `age`, the
 * archive's SHA-256 as it passes, a file that the disk keeps; and back, with the same checks: SHA-256, hashes of rows, on SQLite `integrity_check`.
 *
 * Where a shorter way serves a person as well it is taken, to our disadvantage: SQLite's rows are hashed as one text instead of one by one, the dump
 * has no SHA-256 of its own beside that of the archive, there is no manifest, and what is restored is thrown away instead of put in its place.
 */
export function handwork({ config, tables, folder }: HandworkOptions): Handwork {
  const seal = `zstd -q -3 | age -R ${folder}/recipients | tee >(sha256sum > ${folder}/sum) > ${folder}/hand.age && sync ${folder}/hand.age`
  const unseal = `tee >(sha256sum > ${folder}/sum) < ${folder}/hand.age | age -d -i ${folder}/identity | zstd -q -d`
  const sums = join(folder, `sums-${config.engine}.sql`)
  const queries = tables.map((table) => (config.engine === 'sqlite' ? `select * from ${table.name}` : rowSumQuery(config.engine, table)))
  writeFileSync(sums, queries.map((query) => `${query};\n`).join(''))
  const inBash = (steps: readonly string[]): string => ['set -eo pipefail', ...steps].join('\n')
  if (config.engine === 'sqlite') {
    const rows = (file: string) => `sqlite3 ${file} < ${sums} | sha256sum > /dev/null`
    const [copy, back] = [join(folder, 'copy.db'), join(folder, 'back.db')]
    return {
      backup: inBash([`sqlite3 ${config.path} ".backup ${copy}"`, rows(copy), `cat ${copy} | ${seal}`, `rm ${copy}`]),
      restore: inBash([
        `${unseal} > ${back}`,
        `sync ${back}`,
        `sqlite3 ${back} 'pragma integrity_check' > /dev/null`,
        rows(back),
        `rm ${back}`,
      ]),
    }
  }
  if (config.engine === 'postgres') {
    const at = `-h ${config.host} -p ${config.port} -U ${config.user}`
    const query = (name: string) => `psql ${at} -q -f ${sums} ${name} > /dev/null`
    return {
      backup: inBash([`${query(config.database)} & pg_dump ${at} -Fc -Z0 ${config.database} | ${seal}`, 'wait']),
      restore: inBash([
        `psql ${at} -q -c 'create database hand' postgres`,
        `${unseal} | pg_restore ${at} --single-transaction -d hand`,
        query('hand'),
        `psql ${at} -q -c 'drop database hand' postgres`,
      ]),
    }
  }
  const at = `-h ${config.host} -P ${config.port} -u ${config.user} -p${config.password}`
  const query = (file: string) => `mariadb ${at} ${config.database} < ${file} > /dev/null`
  const side = join(folder, 'sums-side.sql')
  writeFileSync(side, tables.map((table) => `${rowSumQuery('mysql', table, `hand_${table.name}`)};\n`).join(''))
  const drop = `set foreign_key_checks=0; drop table ${tables.map(({ name }) => `hand_${name}`).join(', ')}`
  const rename = `sed -E '/^\\(/!s/(INSERT INTO |CREATE TABLE |CONSTRAINT |REFERENCES )\`/\\1\`hand_/'`
  const names = tables.map(({ name }) => name).join(' ')
  const plain = '--single-transaction --quick --no-autocommit --skip-add-drop-table --skip-add-locks --skip-disable-keys --no-tablespaces'
  return {
    backup: inBash([`${query(sums)} & mariadb-dump ${at} ${plain} ${config.database} ${names} | ${seal}`, 'wait']),
    restore: inBash([
      `${unseal} | ${rename} | mariadb ${at} ${config.database}`,
      query(side),
      `mariadb ${at} ${config.database} -e '${drop}'`,
    ]),
  }
}

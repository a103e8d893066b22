import type { Migration } from './migration.ts'

/** What a table's `name_key` being there is enforced by on SQLite, which cannot change a column. */
function required(table: string, event: 'insert' | 'update'): string {
  return `create trigger if not exists ${table}_name_key_${event} before ${event} on ${table} when new.name_key is null begin
  select raise(abort, '${table}.name_key is required');
end`
}

/** Ends what only code of level 1 needed: empty keys and the indexes by plain name. */
export const requireNameKeys: Migration = {
  number: 3,
  name: 'require-name-keys',
  phase: 'contract',
  transaction: false,
  oldestCodeServed: 2,
  rewrites: ['pads.name_key', 'notes.name_key', 'note_search'],
  steps: [
    // Rows that code of level 1 wrote after step 2 had filled in the others.
    { backfill: 'name-keys/1' },
    { backfill: 'search-words/1' },
    {
      sql: {
        sqlite: required('pads', 'insert'),
        postgres: 'alter table pads alter column name_key set not null',
        mysql: 'alter table pads modify name_key {text 200} not null, algorithm=inplace, lock=none',
      },
    },
    { sql: { sqlite: required('pads', 'update') } },
    // A check that is validated beside running writes spares the long lock that SET NOT NULL takes to look at every row.
    {
      sql: {
        sqlite: required('notes', 'insert'),
        postgres: 'alter table notes drop constraint if exists notes_name_key_there',
        mysql: 'alter table notes modify name_key {text 200} not null, algorithm=inplace, lock=none',
      },
    },
    {
      sql: {
        sqlite: required('notes', 'update'),
        postgres: 'alter table notes add constraint notes_name_key_there check (name_key is not null) not valid',
      },
    },
    { sql: { postgres: 'alter table notes validate constraint notes_name_key_there' } },
    { sql: { postgres: 'alter table notes alter column name_key set not null' } },
    { sql: { postgres: 'alter table notes drop constraint notes_name_key_there' } },
    {
      sql: {
        sqlite: 'drop index if exists notes_by_name',
        postgres: 'drop index concurrently if exists notes_by_name',
        mysql: 'drop index notes_by_name on notes',
      },
    },
    {
      sql: {
        sqlite: 'drop index if exists pads_by_name',
        postgres: 'drop index concurrently if exists pads_by_name',
        mysql: 'drop index pads_by_name on pads',
      },
    },
  ],
}

import type { Migration } from './migration.ts'

/**
 * Order by name that ignores case and accents the same way on every engine, and full-text search.
 *
 * Code of level 1 goes on: the new columns may stay empty, and it knows nothing of the new table. What it writes meanwhile is filled in by
 * step 3.
 */
export const nameOrderAndSearch: Migration = {
  number: 2,
  name: 'name-order-and-search',
  phase: 'expand',
  transaction: false,
  steps: [
    {
      sql: {
        sqlite: 'alter table pads add column name_key {text 200}',
        postgres: 'alter table pads add column if not exists name_key {text 200}',
        mysql: 'alter table pads add column name_key {text 200}',
      },
    },
    {
      sql: {
        sqlite: 'alter table notes add column name_key {text 200}',
        postgres: 'alter table notes add column if not exists name_key {text 200}',
        mysql: 'alter table notes add column name_key {text 200}',
      },
    },
    {
      sql: {
        sqlite: `create virtual table if not exists note_search using fts5(words, content='', contentless_delete=1, detail=none, tokenize='ascii')`,
        postgres: `create table if not exists note_search (
  note_id bigint not null primary key references notes (id) on delete cascade,
  words tsvector not null
)`,
        mysql: `create table if not exists note_search (
  note_id bigint not null primary key,
  words {longtext} not null,
  fulltext index note_search_words (words),
  constraint note_search_note foreign key (note_id) references notes (id) on delete cascade
) {table}`,
      },
    },
    {
      sql: {
        sqlite: `create trigger if not exists notes_leave_search after delete on notes begin
  delete from note_search where rowid = old.id;
end`,
        postgres: 'create index if not exists note_search_words on note_search using gin (words)',
      },
    },
    { backfill: 'name-keys/1' },
    { backfill: 'search-words/1' },
    {
      index: {
        name: 'pads_by_name_key',
        table: 'pads',
        columns: 'user_id, name_key, id',
        alive: { mysqlColumns: 'user_id, deleted_at, name_key, id' },
      },
    },
    {
      index: {
        name: 'notes_by_name_key',
        table: 'notes',
        columns: 'user_id, name_key, id',
        alive: { mysqlColumns: 'user_id, deleted_at, name_key, id' },
      },
    },
    {
      index: {
        name: 'notes_of_pad_by_name_key',
        table: 'notes',
        columns: 'pad_id, name_key, id',
        alive: { mysqlColumns: 'pad_id, deleted_at, name_key, id' },
      },
    },
  ],
}

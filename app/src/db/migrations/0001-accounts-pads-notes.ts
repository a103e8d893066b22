import type { Migration } from './migration.ts'

/** Everything that Notejam needs to take notes. */
export const accountsPadsNotes: Migration = {
  number: 1,
  name: 'accounts-pads-notes',
  phase: 'expand',
  transaction: true,
  steps: [
    {
      sql: `create table users (
  {id},
  email {text 254} not null,
  email_key {text 762} not null,
  password_hash {text 255} not null,
  note_count {integer} not null default 0,
  created_at {time} not null,
  password_changed_at {time} not null,
  constraint users_email_key unique (email_key)
) {table}`,
    },
    {
      sql: `create table sessions (
  {id},
  user_id {integer} not null,
  token_hash {hash} not null,
  created_at {time} not null,
  last_seen_at {time} not null,
  expires_at {time} not null,
  user_agent {text 300} not null,
  address {text 64} not null,
  constraint sessions_token unique (token_hash),
  constraint sessions_user foreign key (user_id) references users (id) on delete cascade
) {table}`,
    },
    {
      sql: {
        sqlite: 'create index sessions_by_user on sessions (user_id)',
        postgres: 'create index sessions_by_user on sessions (user_id)',
      },
    },
    {
      sql: `create table password_resets (
  {id},
  user_id {integer} not null,
  token_hash {hash} not null,
  created_at {time} not null,
  expires_at {time} not null,
  used_at {time},
  constraint password_resets_token unique (token_hash),
  constraint password_resets_user foreign key (user_id) references users (id) on delete cascade
) {table}`,
    },
    {
      sql: {
        sqlite: 'create index password_resets_by_user on password_resets (user_id)',
        postgres: 'create index password_resets_by_user on password_resets (user_id)',
      },
    },
    {
      sql: `create table pads (
  {id},
  user_id {integer} not null,
  name {text 100} not null,
  note_count {integer} not null default 0,
  created_at {time} not null,
  updated_at {time} not null,
  version {integer} not null default 1,
  deleted_at {time},
  deletion_id {text 64},
  constraint pads_owner unique (id, user_id),
  constraint pads_user foreign key (user_id) references users (id) on delete cascade
) {table}`,
    },
    { sql: 'create index pads_by_name on pads (user_id, name)' },
    {
      sql: `create table notes (
  {id},
  user_id {integer} not null,
  pad_id {integer},
  name {text 100} not null,
  text {longtext} not null,
  created_at {time} not null,
  updated_at {time} not null,
  version {integer} not null default 1,
  deleted_at {time},
  deletion_id {text 64},
  constraint notes_user foreign key (user_id) references users (id) on delete cascade,
  constraint notes_pad foreign key (pad_id, user_id) references pads (id, user_id) on delete cascade
) {table}`,
    },
    { sql: 'create index notes_by_owner on notes (user_id, pad_id)' },
    { sql: 'create index notes_by_name on notes (user_id, name)' },
    {
      sql: {
        sqlite: 'create index notes_by_time on notes (user_id, updated_at, id) where deleted_at is null',
        postgres: 'create index notes_by_time on notes (user_id, updated_at, id) where deleted_at is null',
        mysql: 'create index notes_by_time on notes (user_id, deleted_at, updated_at, id)',
      },
    },
    {
      sql: {
        sqlite: 'create index notes_of_pad_by_time on notes (pad_id, updated_at, id) where deleted_at is null',
        postgres: 'create index notes_of_pad_by_time on notes (pad_id, updated_at, id) where deleted_at is null',
        mysql: 'create index notes_of_pad_by_time on notes (pad_id, deleted_at, updated_at, id)',
      },
    },
    { sql: 'create index notes_by_deletion on notes (deletion_id)' },
    { sql: 'create index notes_by_deletion_time on notes (deleted_at)' },
    {
      sql: `create table api_tokens (
  {id},
  user_id {integer} not null,
  name {text 100} not null,
  token_hash {hash} not null,
  hint {text 20} not null,
  scopes {text 200} not null,
  created_at {time} not null,
  expires_at {time},
  last_used_at {time},
  constraint api_tokens_token unique (token_hash),
  constraint api_tokens_user foreign key (user_id) references users (id) on delete cascade
) {table}`,
    },
    {
      sql: {
        sqlite: 'create index api_tokens_by_user on api_tokens (user_id)',
        postgres: 'create index api_tokens_by_user on api_tokens (user_id)',
      },
    },
    {
      sql: `create table throttle_windows (
  bucket {text 128} not null,
  window_start {time} not null,
  hits {integer} not null,
  primary key (bucket, window_start)
) {table}`,
    },
    { sql: 'create index throttle_windows_by_time on throttle_windows (window_start)' },
    {
      sql: `create table mail_outbox (
  {id},
  recipient {text 254} not null,
  subject {text 255} not null,
  text_body {longtext} not null,
  html_body {longtext},
  created_at {time} not null,
  attempts {integer} not null default 0,
  next_attempt_at {time} not null,
  last_error {text 500}
) {table}`,
    },
    { sql: 'create index mail_outbox_by_time on mail_outbox (next_attempt_at)' },
    {
      sql: `create table erased_accounts (
  id_hash {hash} not null primary key,
  erased_at {time} not null
) {table}`,
    },
  ],
}

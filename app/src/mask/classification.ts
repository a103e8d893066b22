import type { Database } from '../db/schema.ts'

/**
 * What masking does with a column:
 *
 * - `Keep`: nothing; it holds what no person wrote and what leads to nobody
 * - `Address`: an e-mail address, replaced by the pseudonym that it has everywhere
 * - `Text`: what a person wrote, replaced by other letters of the same scripts in the same shape
 * - `Identifier`: an opaque value that rows share, replaced by the pseudonym that it has everywhere
 * - `PasswordHash`: replaced by the hash of the password that all masked accounts have
 * - `AddressKey`, `NameKey`: made anew from the masked value of the column `of`
 */
export type Treatment =
  | 'Keep'
  | 'Address'
  | 'Text'
  | 'Identifier'
  | 'PasswordHash'
  | { readonly key: 'AddressKey' | 'NameKey'; readonly of: string }

/**
 * What masking does with a table: its rows stay and are treated column by column (it has an `id`), or all of them go. The columns of a table that is emptied
 * are named all the same, so that none is added unseen.
 */
export type TableRule = { readonly columns: Readonly<Record<string, Treatment>> } | { readonly emptied: readonly string[] }

/** Every table with every column that a database may have. */
export type Classification = Readonly<Record<string, TableRule>>

type Columns<T extends keyof Database> = { readonly [C in keyof Database[T]]: Treatment }

function masked<T extends keyof Database>(columns: Columns<T>): { readonly columns: Columns<T> } {
  return { columns }
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it says whose columns they must be
function emptied<T extends keyof Database>(...columns: readonly (keyof Database[T] & string)[]): TableRule {
  return { emptied: columns }
}

/**
 * The allow-list of masking: a table or column that is not in it fails the Job. Types see to it that no table of `schema.ts` and no column of a masked one is
 * missing; what else a real database holds is found by looking (`check-classification.ts`).
 */
export const classification = {
  users: masked<'users'>({
    id: 'Keep',
    email: 'Address',
    email_key: { key: 'AddressKey', of: 'email' },
    password_hash: 'PasswordHash',
    note_count: 'Keep',
    created_at: 'Keep',
    password_changed_at: 'Keep',
  }),
  pads: masked<'pads'>({
    id: 'Keep',
    user_id: 'Keep',
    name: 'Text',
    name_key: { key: 'NameKey', of: 'name' },
    note_count: 'Keep',
    created_at: 'Keep',
    updated_at: 'Keep',
    version: 'Keep',
    deleted_at: 'Keep',
    deletion_id: 'Identifier',
  }),
  notes: masked<'notes'>({
    id: 'Keep',
    user_id: 'Keep',
    pad_id: 'Keep',
    name: 'Text',
    name_key: { key: 'NameKey', of: 'name' },
    text: 'Text',
    created_at: 'Keep',
    updated_at: 'Keep',
    version: 'Keep',
    deleted_at: 'Keep',
    deletion_id: 'Identifier',
  }),
  // Made anew from the masked notes.
  note_search: emptied<'note_search'>('note_id', 'words'),
  sessions: emptied<'sessions'>('id', 'user_id', 'token_hash', 'created_at', 'last_seen_at', 'expires_at', 'user_agent', 'address'),
  password_resets: emptied<'password_resets'>('id', 'user_id', 'token_hash', 'created_at', 'expires_at', 'used_at'),
  api_tokens: emptied<'api_tokens'>('id', 'user_id', 'name', 'token_hash', 'hint', 'scopes', 'created_at', 'expires_at', 'last_used_at'),
  throttle_windows: emptied<'throttle_windows'>('bucket', 'window_start', 'hits'),
  mail_outbox: emptied<'mail_outbox'>(
    'id',
    'recipient',
    'subject',
    'text_body',
    'html_body',
    'created_at',
    'attempts',
    'next_attempt_at',
    'last_error',
  ),
  erased_accounts: emptied<'erased_accounts'>('id_hash', 'erased_at'),
  // In no archive; only a throw-away database, which has a mark of its own, or one without a mark is masked.
  notejam_identity: masked<'notejam_identity'>({
    id: 'Keep',
    instance_uid: 'Keep',
    environment: 'Keep',
    fingerprint: 'Keep',
    recorded_at: 'Keep',
    last_wipe_id: 'Keep',
  }),
  notejam_migrations: masked<'notejam_migrations'>({
    number: 'Keep',
    name: 'Keep',
    phase: 'Keep',
    hash: 'Keep',
    applied_at: 'Keep',
    duration_ms: 'Keep',
    tables_created: 'Keep',
  }),
  notejam_schema: masked<'notejam_schema'>({ id: 'Keep', oldest_code_served: 'Keep' }),
} as const satisfies { readonly [T in keyof Database]: TableRule } & Classification

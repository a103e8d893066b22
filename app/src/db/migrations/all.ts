import { accountsPadsNotes } from './0001-accounts-pads-notes.ts'
import { nameOrderAndSearch } from './0002-name-order-and-search.ts'
import { requireNameKeys } from './0003-require-name-keys.ts'
import type { Migration } from './migration.ts'

/** Every migration, in order. A bundle has no folder to read, so they are named. */
export const migrations: readonly Migration[] = [accountsPadsNotes, nameOrderAndSearch, requireNameKeys]

/** The schema that this code was written for: the number of its newest migration. */
export const codeLevel = migrations.length

import { type CompiledQuery, type Kysely, sql } from 'kysely'
import { type Prepared, prepare } from '../db/prepare.ts'
import type { Database } from '../db/schema.ts'
import type { NoteListOptions, NoteOrder, NoteSummary } from './service.ts'

/** The query of a list of notes. */
export type Lists = (userId: number, options: NoteListOptions) => CompiledQuery<NoteSummary>

type List = Prepared<[userId: number, offset: number], NoteSummary>
type PadList = Prepared<[userId: number, padId: number, offset: number], NoteSummary>

const columns = ['id', 'name', 'pad_id as padId', 'version', 'created_at as createdAt', 'updated_at as updatedAt'] as const

/**
 * The lists of notes, compiled once for each order and length; every one follows an index (`notes_by_time`, `notes_by_name_key` and those of pads), so
 * a page reads its rows and no others. The length is written out and a first page has no offset: PostgreSQL would else plan for a tenth of the table.
 */
export function prepareLists(db: Kysely<Database>): Lists {
  const ofUser = new Map<string, List>()
  const ofPad = new Map<string, PadList>()
  return (userId, { order, page, perPage, padId }) => {
    const offset = (page - 1) * perPage
    const key = `${order} ${perPage} ${offset === 0}`
    if (padId === undefined) return kept(ofUser, key, () => listOfUser(db, order, perPage, offset === 0)).bind(userId, offset)
    return kept(ofPad, key, () => listOfPad(db, order, perPage, offset === 0)).bind(userId, padId, offset)
  }
}

function listOfUser(db: Kysely<Database>, order: NoteOrder, perPage: number, first: boolean): List {
  return prepare(db, (from, userId: number, offset: number) => {
    const query = from.selectFrom('notes').select(columns).where('user_id', '=', userId).where('deleted_at', 'is', null)
    const limited = ordered(query, order).limit(sql.lit(perPage))
    return first ? limited : limited.offset(offset)
  })
}

function listOfPad(db: Kysely<Database>, order: NoteOrder, perPage: number, first: boolean): PadList {
  return prepare(db, (from, userId: number, padId: number, offset: number) => {
    // The owner is compared in a way that no index serves, so that the pad's index is the only choice.
    const query = from
      .selectFrom('notes')
      .select(columns)
      .where('pad_id', '=', padId)
      .where(sql<number>`user_id + 0`, '=', userId)
      .where('deleted_at', 'is', null)
    const limited = ordered(query, order).limit(sql.lit(perPage))
    return first ? limited : limited.offset(offset)
  })
}

function kept<T>(map: Map<string, T>, key: string, make: () => T): T {
  let found = map.get(key)
  if (found === undefined) {
    found = make()
    map.set(key, found)
  }
  return found
}

function ordered<Q extends { orderBy(column: 'name_key' | 'updated_at' | 'id', direction: 'asc' | 'desc'): Q }>(
  query: Q,
  order: NoteOrder,
): Q {
  const direction = order.startsWith('-') ? 'desc' : 'asc'
  return query.orderBy(order.endsWith('name') ? 'name_key' : 'updated_at', direction).orderBy('id', direction)
}

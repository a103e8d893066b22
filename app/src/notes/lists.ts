import { type Kysely, sql } from 'kysely'
import { type Prepared, prepare } from '../db/prepare.ts'
import type { Database } from '../db/schema.ts'
import type { NoteListOptions, NoteOrder, NoteSummary } from './service.ts'

/** Runs a list of notes. */
export type Lists = (userId: number, options: NoteListOptions) => Promise<NoteSummary[]>

type List = Prepared<[userId: number, limit: number, offset: number], NoteSummary>
type PadList = Prepared<[userId: number, padId: number, limit: number, offset: number], NoteSummary>

const orders: readonly NoteOrder[] = ['name', '-name', 'updated_at', '-updated_at']
const columns = ['id', 'name', 'pad_id as padId', 'version', 'created_at as createdAt', 'updated_at as updatedAt'] as const

/** The lists of notes, compiled once for each order; every one follows an index (`notes_by_time`, `notes_by_name_key` and those of pads), so a page reads its rows and no others. */
export function prepareLists(db: Kysely<Database>): Lists {
  const ofUser = new Map<NoteOrder, List>()
  const ofPad = new Map<NoteOrder, PadList>()
  for (const order of orders) {
    ofUser.set(
      order,
      prepare(db, (from, userId: number, limit: number, offset: number) =>
        ordered(from.selectFrom('notes').select(columns).where('user_id', '=', userId).where('deleted_at', 'is', null), order).limit(limit).offset(offset),
      ),
    )
    ofPad.set(
      order,
      prepare(db, (from, userId: number, padId: number, limit: number, offset: number) =>
        // The owner is asked for without its index: `+` would do that in SQLite alone, an expression does on all three.
        ordered(from.selectFrom('notes').select(columns).where('pad_id', '=', padId).where(sql<number>`user_id + 0`, '=', userId).where('deleted_at', 'is', null), order)
          .limit(limit)
          .offset(offset),
      ),
    )
  }
  return async (userId, { order, page, perPage, padId }) => {
    const offset = (page - 1) * perPage
    if (padId === undefined) return (await ofUser.get(order)?.all(db, userId, perPage, offset)) ?? []
    return (await ofPad.get(order)?.all(db, userId, padId, perPage, offset)) ?? []
  }
}

function ordered<Q extends { orderBy(column: 'name_key' | 'updated_at' | 'id', direction: 'asc' | 'desc'): Q }>(query: Q, order: NoteOrder): Q {
  const direction = order.startsWith('-') ? 'desc' : 'asc'
  return query.orderBy(order.endsWith('name') ? 'name_key' : 'updated_at', direction).orderBy('id', direction)
}

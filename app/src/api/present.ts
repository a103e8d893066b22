import type { NoteSummary, NoteView } from '../notes/service.ts'
import type { PadView } from '../pads/service.ts'

type Json = Readonly<Record<string, unknown>>

/** A time as the API writes it. */
export function toIso(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

/** What leaves of a pad; fields are named one by one, so that a new column is never sent by accident. */
export function presentPad(pad: PadView): Json {
  return {
    id: pad.id,
    name: pad.name,
    note_count: pad.noteCount,
    version: pad.version,
    created_at: toIso(pad.createdAt),
    updated_at: toIso(pad.updatedAt),
  }
}

/** What leaves of a note in a list. */
export function presentNoteSummary(note: NoteSummary): Json {
  return {
    id: note.id,
    name: note.name,
    pad_id: note.padId,
    version: note.version,
    created_at: toIso(note.createdAt),
    updated_at: toIso(note.updatedAt),
  }
}

/** What leaves of a note. */
export function presentNote(note: NoteView): Json {
  return { ...presentNoteSummary(note), text: note.text }
}

/** One page of a list, with its neighbours in `Link` (RFC 8288). */
export function presentPage(
  items: readonly Json[],
  options: {
    readonly path: string
    readonly query: Readonly<Record<string, string | number>>
    readonly page: number
    readonly perPage: number
    readonly total: number
  },
): { readonly status: 200; readonly body: Json; readonly headers: Readonly<Record<string, string>> } {
  const { path, query, page, perPage, total } = options
  const last = Math.max(1, Math.ceil(total / perPage))
  const relations: readonly (readonly [string, number])[] = [
    ['first', 1],
    ...(page > 1 ? ([['prev', Math.min(page - 1, last)]] as const) : []),
    ...(page < last ? ([['next', page + 1]] as const) : []),
    ['last', last],
  ]
  const link = relations.map(([relation, number]) => {
    const parameters = new URLSearchParams(
      Object.entries({ ...query, page: number, per_page: perPage }).map(([name, value]) => [name, String(value)]),
    )
    return `<${path}?${parameters.toString()}>; rel="${relation}"`
  })
  return { status: 200, body: { items, page, per_page: perPage, total }, headers: { Link: link.join(', ') } }
}

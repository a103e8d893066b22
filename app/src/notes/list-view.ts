import { attributes, escapeHtml, html, type Html, trusted } from '../views/html.ts'
import type { SidebarPad } from '../views/layout.ts'
import { timeAgoMarkup } from '../views/time.ts'
import type { NoteOrder, NoteSummary } from './service.ts'

/** Notes on one page of a list. */
export const pageSize = 20

const orders: ReadonlySet<string> = new Set<NoteOrder>(['name', '-name', 'updated_at', '-updated_at'])

/** The order that an address asks for; newest first for anything unknown. */
export function parseOrder(text: string | null): NoteOrder {
  return text !== null && orders.has(text) ? (text as NoteOrder) : '-updated_at'
}

/** The page that an address asks for, between the first and the last that there is. */
export function parsePage(text: string | null, total: number): number {
  const last = Math.max(1, Math.ceil(total / pageSize))
  if (text === null || !/^[1-9][0-9]{0,9}$/.test(text)) return 1
  return Math.min(Number(text), last)
}

/** What a list shows. */
export interface NoteList {
  readonly notes: readonly NoteSummary[]
  readonly pads: readonly SidebarPad[]
  readonly order: NoteOrder
  readonly page: number
  readonly total: number
  readonly now: number
  /** Path of the list, for the links of its pages. */
  readonly path: string
  /** Leaves out the column of pads. */
  readonly ofPad: boolean
  readonly caption: string
}

/** The table of notes with its arrows and pages. */
export function noteTable(list: NoteList): Html {
  const padNames = new Map(list.pads.map((pad) => [pad.id, pad.name]))
  let rows = ''
  for (const note of list.notes) rows += row(note, list, padNames)
  return html`<table class="notes"><caption class="visually-hidden">${list.caption}</caption>${head(list.order, list.ofPad)}<tbody>${trusted(rows)}</tbody></table>
${pagination(list)}`
}

/** Put together as a string, which is half the time of a page; names pass `escapeHtml`, all else is numbers and constants. */
function row(note: NoteSummary, list: NoteList, padNames: ReadonlyMap<number, string>): string {
  const name = `<tr><td><a href="/notes/${note.id}/">${escapeHtml(note.name)}</a></td>`
  const when = `<td class="when">${timeAgoMarkup(note.updatedAt, list.now)}</td></tr>\n`
  if (list.ofPad) return name + when
  const pad = note.padId === null ? undefined : padNames.get(note.padId)
  return `${name}${pad === undefined ? '<td class="pad">No pad</td>' : `<td class="pad"><a href="/pads/${note.padId}/">${escapeHtml(pad)}</a></td>`}${when}`
}

// As references: one sign beyond Latin-1 makes V8 hold and encode the whole page in two bytes a character.
const upArrow = trusted('&#8593;')
const downArrow = trusted('&#8595;')

const heads = new Map<string, Html>()

/** The head depends on nothing but the order, so each is made once. */
function head(order: NoteOrder, ofPad: boolean): Html {
  const key = `${order} ${ofPad}`
  let made = heads.get(key)
  if (made === undefined) {
    made = html`<thead><tr>${sortable('Note', 'name', order, ['A to Z', 'Z to A'])}${ofPad ? null : trusted('<th scope="col">Pad</th>')}${sortable(
      'Last modified',
      'updated_at',
      order,
      ['oldest first', 'newest first'],
    )}</tr></thead>`
    heads.set(key, made)
  }
  return made
}

function sortable(label: string, column: 'name' | 'updated_at', order: NoteOrder, words: readonly [up: string, down: string]): Html {
  const up = order === column
  const down = order === `-${column}`
  const sort = up ? 'ascending' : down ? 'descending' : undefined
  const arrow = (to: string, sign: Html, word: string, current: boolean): Html =>
    html`<a ${attributes({ href: `?order=${to}`, 'aria-label': `Sort by ${label.toLowerCase()}, ${word}`, 'aria-current': current ? 'true' : undefined })}>${sign}</a>`
  return html`<th ${attributes({ scope: 'col', 'aria-sort': sort })}>${label} <span class="order">${arrow(column, upArrow, words[0], up)}${arrow(`-${column}`, downArrow, words[1], down)}</span></th>`
}

/** How many numbers stand on each side of the current page. */
const around = 3

/** Numbers of pages in the manner of the mock-up: "1 2 3 4", the current one plain. Nothing when there is one page. */
export function pagination(options: {
  readonly page: number
  readonly total: number
  readonly path: string
  readonly order?: NoteOrder
  readonly query?: string
}): Html | null {
  const last = Math.ceil(options.total / pageSize)
  if (last <= 1) return null
  const items: Html[] = []
  let before = 0
  for (let page = 1; page <= last; page += 1) {
    const shown = page === 1 || page === last || Math.abs(page - options.page) <= around
    if (!shown) {
      // Straight on to the next number that is shown: a million notes have fifty thousand pages.
      page = page < options.page ? options.page - around - 1 : last - 1
      continue
    }
    if (page > before + 1) items.push(trusted('<li><span class="gap">&#8230;</span></li>'))
    items.push(
      html`<li>${page === options.page ? html`<span aria-current="page">${page}</span>` : html`<a href="${pageUrl(options, page)}" aria-label="Page ${page}">${page}</a>`}</li>`,
    )
    before = page
  }
  return html`<nav class="pagination" aria-label="Pages"><ul>${items}</ul></nav>
`
}

function pageUrl(options: { readonly path: string; readonly order?: NoteOrder; readonly query?: string }, page: number): string {
  const query = options.query === undefined ? '' : `${new URLSearchParams({ q: options.query }).toString()}&`
  const order = options.order === undefined || options.order === '-updated_at' ? '' : `order=${options.order}&`
  return `${options.path}?${query}${order}page=${page}`
}

import { type Html, trusted } from './html.ts'

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const dayMs = 86_400_000

/**
 * When something happened, in the words of Notejam's first mock-up: "Today at 10:51", "Yesterday", "2 days ago" (to a week), "02 Feb. 2013". In UTC; the
 * script puts the reader's zone in place of it.
 */
export function timeAgo(at: number, now: number): Html {
  return trusted(timeAgoMarkup(at, now))
}

/** {@link timeAgo} for where rows are put together as strings. */
export function timeAgoMarkup(at: number, now: number): string {
  const iso = isoTime(at)
  return `<time datetime="${iso}" data-form="short">${wording(iso, Math.floor(now / dayMs) - Math.floor(at / dayMs))}</time>`
}

/** A date with its time of day, as the page of a note shows it. */
export function fullTime(at: number): Html {
  const iso = isoTime(at)
  return trusted(`<time datetime="${iso}" data-form="full">${date(iso)} ${clock(iso)}</time>`)
}

function wording(iso: string, days: number): string {
  if (days === 0) return `Today at ${clock(iso)}`
  if (days === 1) return 'Yesterday'
  if (days > 1 && days < 8) return `${days} days ago`
  return date(iso)
}

// Parts of `2026-11-21T12:18:26.801Z`, which is made anyway.
function date(iso: string): string {
  return `${iso.slice(8, 10)} ${months[Number(iso.slice(5, 7)) - 1] ?? ''}. ${iso.slice(0, 4)}`
}

function clock(iso: string): string {
  return iso.slice(11, 16)
}

const dayNames = new Map<number, string>()
const maxDayNames = 2000
const pairs = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, '0'))

/** `Date.toISOString` at a quarter of its price: the days of a list are few, and the rest is arithmetic. */
export function isoTime(at: number): string {
  const day = Math.floor(at / dayMs)
  let name = dayNames.get(day)
  if (name === undefined) {
    if (dayNames.size >= maxDayNames) dayNames.clear()
    name = new Date(day * dayMs).toISOString().slice(0, 11)
    dayNames.set(day, name)
  }
  const ms = at - day * dayMs
  const seconds = Math.floor(ms / 1000)
  const rest = ms - seconds * 1000
  return `${name}${pairs[Math.floor(seconds / 3600)] ?? ''}:${pairs[Math.floor(seconds / 60) % 60] ?? ''}:${pairs[seconds % 60] ?? ''}.${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`
}

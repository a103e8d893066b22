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
  const iso = new Date(at).toISOString()
  return `<time datetime="${iso}" data-form="short">${wording(iso, Math.floor(now / dayMs) - Math.floor(at / dayMs))}</time>`
}

/** A date with its time of day, as the page of a note shows it. */
export function fullTime(at: number): Html {
  const iso = new Date(at).toISOString()
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

import { html, type Html } from './html.ts'

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const dayMs = 86_400_000

/**
 * When something happened, in the words of Notejam's first mock-up: "Today at 10:51", "Yesterday", "2 days ago" (to a week), "02 Feb. 2013". In UTC; the
 * script puts the reader's zone in place of it.
 */
export function timeAgo(at: number, now: number): Html {
  const days = Math.floor(now / dayMs) - Math.floor(at / dayMs)
  return element(at, wording(at, days), 'short')
}

/** A date with its time of day, as the page of a note shows it. */
export function fullTime(at: number): Html {
  return element(at, `${date(at)} ${clock(at)}`, 'full')
}

function wording(at: number, days: number): string {
  if (days === 0) return `Today at ${clock(at)}`
  if (days === 1) return 'Yesterday'
  if (days > 1 && days < 8) return `${days} days ago`
  return date(at)
}

function element(at: number, text: string, form: 'short' | 'full'): Html {
  return html`<time datetime="${new Date(at).toISOString()}" data-form="${form}">${text}</time>`
}

function date(at: number): string {
  const day = new Date(at)
  return `${two(day.getUTCDate())} ${months[day.getUTCMonth()] ?? ''}. ${day.getUTCFullYear()}`
}

function clock(at: number): string {
  const time = new Date(at)
  return `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}`
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

/** A span of the calendar. */
export interface Period {
  readonly years: number
  readonly months: number
  readonly days: number
}

const shape = /^P(?=\d)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,4})D)?$/
const dayMs = 86_400_000

/** Reads an ISO 8601 duration of years, months, weeks and days, such as `P3Y` or `P30D`; undefined for any other text. */
export function parsePeriod(text: string): Period | undefined {
  const match = shape.exec(text)
  if (match === null) {
    return undefined
  }
  const [years = 0, months = 0, weeks = 0, days = 0] = match.slice(1).map((digits) => Number(digits ?? 0))
  return { years, months, days: weeks * 7 + days }
}

/** A day of the calendar in UTC, as days since 1970-01-01. */
export type Day = number

/** The day of an instant, in UTC: days there have 24 hours and no zone's rules change them afterwards. */
export function dayOf(time: Date): Day {
  return Math.floor(time.getTime() / dayMs)
}

/** `2024-02-29`. */
export function formatDay(day: Day): string {
  return new Date(day * dayMs).toISOString().slice(0, 10)
}

/**
 * The day that a period reaches back to: the same day of the month, years and months ago, or the last one of a month that is shorter (three years
 * before 2028-02-29 is 2025-02-28), then the days.
 */
export function dayBefore(day: Day, { years, months, days }: Period): Day {
  const date = new Date(day * dayMs)
  const month = (date.getUTCFullYear() - years) * 12 + date.getUTCMonth() - months
  const lastOfMonth = new Date(0).setUTCFullYear(0, month + 1, 0)
  const dayOfMonth = Math.min(date.getUTCDate(), new Date(lastOfMonth).getUTCDate())
  return dayOf(new Date(new Date(lastOfMonth).setUTCDate(dayOfMonth))) - days
}

/** The time that a period after this one ends, as {@link dayBefore} counts, at the same hour. */
export function timeAfter(time: Date, { years, months, days }: Period): Date {
  const back = dayBefore(dayOf(time), { years: -years, months: -months, days: -days })
  return new Date(back * dayMs + (time.getTime() % dayMs))
}

/** The Monday that a day's week begins with (ISO 8601), as a day. */
export function weekOf(day: Day): Day {
  // 1970-01-01 was a Thursday.
  return day - ((((day + 3) % 7) + 7) % 7)
}

/** A number that grows by one with each month. */
export function monthOf(day: Day): number {
  const date = new Date(day * dayMs)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}

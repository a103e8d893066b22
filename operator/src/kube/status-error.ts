import { ApiError, type Status } from './errors.ts'

/** Characters of an answer that is no `Status` which a message shows. */
const shownCharacters = 200

/** The head of an answer, as far as errors depend on it. */
export interface AnswerHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** Whether a JSON value is a `metav1.Status`. */
export function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && (value as { readonly kind?: unknown }).kind === 'Status'
}

/** Makes an error of an answer with a status ≥ 400, whether the API server wrote it or something on the way did. */
export function answerToError(call: string, head: AnswerHead, text: string, wallClock: number): ApiError {
  const status = parseStatus(text)
  const retryAfterSeconds = parseRetryAfter(head.headers['retry-after'], wallClock) ?? status?.details?.retryAfterSeconds
  return new ApiError({
    call,
    status: head.status,
    reason: status?.reason ?? 'Unknown',
    message: status?.message ?? shorten(text),
    details: status?.details,
    retryAfterSeconds,
  })
}

/** Makes an error of a `Status` that came inside a watch. */
export function statusToError(call: string, status: Status): ApiError {
  return new ApiError({
    call,
    status: status.code ?? 500,
    reason: status.reason ?? 'Unknown',
    message: status.message ?? 'no message',
    details: status.details,
    retryAfterSeconds: status.details?.retryAfterSeconds,
  })
}

function parseStatus(text: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isStatus(value) ? value : undefined
  } catch {
    return undefined
  }
}

function shorten(text: string): string {
  const plain = text
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return plain.length > shownCharacters ? `${plain.slice(0, shownCharacters)}…` : plain || 'no message'
}

/** RFC 9110, section 10.2.3: seconds or a date. */
export function parseRetryAfter(value: string | readonly string[] | undefined, wallClock: number): number | undefined {
  const text = typeof value === 'string' ? value.trim() : value?.[0]?.trim()
  if (text === undefined || text === '') return undefined
  if (/^\d+$/.test(text)) return Number(text)
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - wallClock) / 1000))
}

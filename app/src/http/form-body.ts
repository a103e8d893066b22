import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error.ts'
import { readBody } from './read-body.ts'

/** Fields of a form as they were sent. */
export type FormBody = Readonly<Record<string, string>>

/** Limits of a form. */
export interface FormLimits {
  /** Bytes as sent. A note of 100,000 characters is at most 1,200,000 bytes once percent-encoded (four UTF-8 bytes each, three characters a byte). */
  readonly maxBytes: number
  readonly maxFields: number
}

/** What a note needs, and a little. */
export const formLimits: FormLimits = { maxBytes: 1_310_720, maxFields: 100 }

const empty: FormBody = Object.freeze(Object.create(null) as Record<string, string>)

/**
 * Reads an `application/x-www-form-urlencoded` body, strictly: what is not UTF-8, holds NUL or a field twice is refused instead of repaired, so that
 * every layer behind reads the same thing.
 *
 * @throws {@link HttpError} 400, 413 or 415
 */
export async function readForm(request: IncomingMessage, limits: FormLimits = formLimits): Promise<FormBody> {
  const length = request.headers['content-length']
  if (request.headers['transfer-encoding'] === undefined && (length === undefined || length === '0')) return empty
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') {
    throw new HttpError(415, 'This address takes forms (application/x-www-form-urlencoded) only.')
  }
  if (request.headers['content-encoding'] !== undefined && request.headers['content-encoding'] !== 'identity') {
    throw new HttpError(415, 'Compressed forms are not taken.')
  }
  if (length !== undefined && Number(length) > limits.maxBytes) throw tooLarge()
  return parseForm(await readBody(request, limits.maxBytes, { tooLarge, brokenOff }), limits)
}

/** Parses the bytes of a form; see {@link readForm}. */
export function parseForm(bytes: Buffer, limits: FormLimits = formLimits): FormBody {
  if (!isUtf8(bytes)) throw notUtf8()
  const text = bytes.toString('utf8')
  const fields = Object.create(null) as Record<string, string>
  let count = 0
  let from = 0
  while (from < text.length) {
    let end = text.indexOf('&', from)
    if (end === -1) end = text.length
    if (end > from) {
      count += 1
      if (count > limits.maxFields) throw new HttpError(400, `A form has at most ${limits.maxFields} fields.`)
      const equals = text.indexOf('=', from)
      const split = equals === -1 || equals > end ? end : equals
      const name = decode(text.slice(from, split))
      if (name in fields) throw new HttpError(400, 'A field was sent twice.')
      fields[name] = decode(text.slice(split + 1, end))
    }
    from = end + 1
  }
  return fields
}

function decode(text: string): string {
  let decoded: string
  try {
    decoded = decodeURIComponent(text.includes('+') ? text.replaceAll('+', ' ') : text)
  } catch (error) {
    throw notUtf8(error)
  }
  if (decoded.includes('\u0000')) throw new HttpError(400, 'The character NUL cannot be stored.')
  return decoded
}

function tooLarge(): HttpError {
  return new HttpError(413, 'What was sent is too large. A note holds at most 100,000 characters.')
}

function brokenOff(cause?: unknown): HttpError {
  return new HttpError(400, 'The request broke off.', { cause })
}

function notUtf8(cause?: unknown): HttpError {
  return new HttpError(400, 'What was sent is not valid UTF-8.', { cause })
}

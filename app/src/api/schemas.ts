import { z } from 'zod'

/**
 * The shapes of the JSON API. What is here both checks what comes in and makes the OpenAPI description, so the two cannot differ.
 *
 * `maxLength` of JSON Schema counts Unicode characters (RFC 8259), as our limits do; zod's own `max` counts UTF-16 units, hence the refinements.
 */

/** Named shapes, which the description refers to instead of repeating them. */
export const namedSchemas = z.registry<{ readonly id: string; readonly description?: string }>()

const maxName = 100
const maxText = 100_000
const maxQuery = 200
/** Ids are 64-bit integers in the databases, but every engine starts at 1 and none reaches 2^53. */
const id = z.int().min(1).meta({ description: 'Identifier, never used again.' })
const time = z.string().meta({ format: 'date-time', description: 'Instant in UTC (RFC 3339) with milliseconds.' })
const version = z.int().min(1).meta({ description: 'Goes up by one with every change; the ETag holds it.' })

function isLongerThan(text: string, limit: number): boolean {
  if (text.length <= limit) return false
  if (text.length > 2 * limit) return true
  let count = 0
  for (const _ of text) count += 1
  return count > limit
}

/** A text that every engine can store as it is: no NUL (PostgreSQL refuses it) and no half of a surrogate pair (no UTF-8 exists for it). */
function boundedText(limit: number, description: string) {
  return z
    .string()
    .refine((text) => !isLongerThan(text, limit), { message: `must have at most ${limit} characters` })
    .refine((text) => !text.includes('\u0000') && text.isWellFormed(), { message: 'must not contain NUL or unpaired surrogates' })
    .refine((text) => text.trim() !== '', { message: 'must not be blank' })
    .meta({ minLength: 1, maxLength: limit, pattern: '\\S', description })
}

const name = boundedText(maxName, `Title, at most ${maxName} characters, not blank, one line; blanks around it are dropped.`)
  .transform((text) => text.trim())
  .refine((text) => !/\p{Cc}/u.test(text), { message: 'must not contain control characters' })
/** One sort of line break is stored, as in the forms of pages. */
const text = boundedText(
  maxText,
  `Text, at most ${maxText} characters, not blank; Markdown is understood. Line breaks become LF.`,
).transform((text) => text.replaceAll(/\r\n?/g, '\n'))
const padId = id.nullable().meta({ description: 'The pad that holds the note; null for a note without a pad. It must be one of your own.' })

/** Body of the operation that makes a pad, and of the one that replaces one. */
export const padInput = z.strictObject({ name }).register(namedSchemas, { id: 'PadInput', description: 'What a client says about a pad.' })

/** Body of the operation that makes a note, and of the one that replaces one. */
export const noteInput = z
  .strictObject({ name, text, pad_id: padId.default(null) })
  .register(namedSchemas, { id: 'NoteInput', description: 'What a client says about a note.' })

/** Body of the operation that changes a part of a note (JSON Merge Patch, RFC 7396, at the first level). */
export const notePatch = z
  .strictObject({ name: name.optional(), text: text.optional(), pad_id: padId.optional() })
  .refine((patch) => Object.keys(patch).length > 0, { message: 'must change at least one field' })
  .meta({ minProperties: 1 })
  .register(namedSchemas, { id: 'NotePatch', description: 'The fields of a note that change; absent ones stay as they are.' })

/** A pad as it is answered. */
export const pad = z
  .object({ id, name: z.string(), note_count: z.int().min(0), version, created_at: time, updated_at: time })
  .register(namedSchemas, { id: 'Pad', description: 'A pad: a group of notes.' })

/** A note as a list holds it. */
export const noteSummary = z
  .object({ id, name: z.string(), pad_id: padId, version, created_at: time, updated_at: time })
  .register(namedSchemas, { id: 'NoteSummary', description: 'A note without its text.' })

/** A note as it is answered alone. */
export const note = z
  .object({ id, name: z.string(), text: z.string(), pad_id: padId, version, created_at: time, updated_at: time })
  .register(namedSchemas, { id: 'Note', description: 'A note.' })

const paging = {
  page: z.int().min(1),
  per_page: z.int().min(1),
  total: z.int().min(0).meta({ description: 'Number of items on all pages.' }),
}

/** A page of pads. */
export const padPage = z.object({ items: z.array(pad), ...paging }).register(namedSchemas, { id: 'PadPage' })

/** A page of notes. */
export const notePage = z.object({ items: z.array(noteSummary), ...paging }).register(namedSchemas, { id: 'NotePage' })

/** Who the token belongs to. */
export const me = z
  .object({
    id,
    email: z.string(),
    created_at: time,
    note_count: z.int().min(0),
    token: z.object({ name: z.string(), scopes: z.array(z.enum(['read', 'write'])), expires_at: time.nullable() }),
  })
  .register(namedSchemas, { id: 'Me', description: 'The account of the token, and the token itself.' })

/** What a failed request is answered with (RFC 9457). */
export const problem = z
  .looseObject({
    type: z.string().meta({ description: 'A URN that tells kinds of problems apart; it does not change.' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().optional(),
    errors: z
      .array(
        z.object({
          field: z.string().meta({ description: 'Name of the field or parameter; empty for the body as a whole.' }),
          message: z.string(),
        }),
      )
      .optional(),
  })
  .register(namedSchemas, { id: 'Problem', description: 'A problem (RFC 9457).' })

const count = z
  .string()
  .regex(/^[1-9][0-9]{0,8}$/, { message: 'must be a whole number from 1' })
  .transform(Number)

/** Query of every list. Both parameters are texts on the wire; the description says what they mean. */
export const pagingQuery = z.strictObject({
  page: count.default(1).meta({ type: 'integer', minimum: 1, default: 1, description: 'Page, from 1; the first unless told.' }),
  per_page: count
    .refine((value) => value <= 100, { message: 'must be at most 100' })
    .default(20)
    .meta({ type: 'integer', minimum: 1, maximum: 100, default: 20, description: 'Items per page, 1 to 100; 20 unless told.' }),
})

/** Orders of a list of notes; ties are broken by id. */
export const noteOrder = z.enum(['name', '-name', 'updated_at', '-updated_at'])

/** Query of the list of notes. */
export const noteListQuery = pagingQuery.extend({
  order: noteOrder.default('-updated_at').meta({ description: 'Field to order by; a minus turns the order around.' }),
})

/** Query of the search. */
export const searchQuery = pagingQuery.extend({
  q: z
    .string()
    .trim()
    .refine((text) => !isLongerThan(text, maxQuery) && text.isWellFormed() && !text.includes('\u0000'), {
      message: `must have at most ${maxQuery} characters`,
    })
    .refine((text) => text !== '', { message: 'must not be blank' })
    .meta({ minLength: 1, maxLength: maxQuery, description: 'Words to look for in names and texts; all of them must occur.' }),
})

/** Query of the deletion of a pad. */
export const padDeletionQuery = z.strictObject({
  notes: z
    .enum(['delete', 'keep'])
    .default('delete')
    .meta({ description: 'What becomes of the notes in the pad: deleted with it, or kept without a pad.' }),
})

/** Query of an operation that takes no parameters. */
export const noQuery = z.strictObject({})

import { z } from 'zod'
import { InvalidInputError } from '../errors.ts'
import { requiredMessage } from './form.ts'

/** Number of code points: what the limits of names and texts count, and what the databases' columns count. */
export function codePoints(text: string): number {
  let count = 0
  for (let index = 0; index < text.length; index += 1) {
    // The second half of a surrogate pair belongs to the code point before.
    if ((text.charCodeAt(index) & 0xfc00) !== 0xdc00 || index === 0 || (text.charCodeAt(index - 1) & 0xfc00) !== 0xd800) count += 1
  }
  return count
}

/** A text that has to be filled in. Absent and blank count as empty. */
export const required = z.string({ error: requiredMessage }).refine((text) => text.trim() !== '', { error: requiredMessage })

/** Refuses more than `limit` code points. */
export function atMost(limit: number) {
  return z.string().superRefine((text, context) => {
    const count = codePoints(text)
    if (count > limit) context.addIssue({ code: 'custom', message: `Ensure this value has at most ${limit} characters (it has ${count}).` })
  })
}

/** A line of text: trimmed, without control characters, at most `limit` code points. */
export function lineOfText(limit: number) {
  return required
    .transform((text) => text.trim())
    .pipe(z.string().refine((text) => !/\p{Cc}|\p{Cs}/u.test(text), { error: 'Control characters are not allowed here.' }))
    .pipe(atMost(limit))
}

/**
 * Checks what a form said.
 *
 * @throws {@link InvalidInputError} with the messages of each field
 */
export function parseInput<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  throw new InvalidInputError(messagesByField(result.error))
}

/** The messages of a failed check, by field; one per field is enough to go on. */
export function messagesByField(error: z.ZodError): Readonly<Record<string, readonly string[]>> {
  const fields: Record<string, string[]> = {}
  for (const issue of error.issues) {
    const name = String(issue.path[0] ?? 'form')
    fields[name] ??= [issue.message]
  }
  return fields
}

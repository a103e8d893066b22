import { z } from 'zod'
import { atMost, lineOfText, required } from '../views/validation.ts'

const maxName = 100
const maxText = 100_000

/** What is said when the pad of a note is not one of the owner's. */
export const wrongPadMessage = 'Select a valid choice. That choice is not one of the available choices.'

/** Ids count from 1 and stay below 2^53 on every engine. */
const idPattern = /^[1-9][0-9]{0,14}$/

/** An id as paths and forms hold it; undefined if it cannot be one. */
export function parseId(text: unknown): number | undefined {
  return typeof text === 'string' && idPattern.test(text) ? Number(text) : undefined
}

/** The choice of a pad: absent, empty and 0 are "no pad". */
const padChoice = z
  .string()
  .optional()
  .transform((text, context) => {
    if (text === undefined || text === '' || text === '0') return null
    const id = parseId(text)
    if (id === undefined) context.addIssue({ code: 'custom', message: wrongPadMessage })
    return id ?? null
  })

/** Browsers send line breaks as CR LF (HTML, form submission); one sort is stored. */
const noteText = required.transform((text) => text.replaceAll(/\r\n?/g, '\n')).pipe(atMost(maxText))

/** Form of a note. `version` is the one that the form was filled from. */
export const noteForm = z.object({
  name: lineOfText(maxName),
  text: noteText,
  pad_id: padChoice,
  version: z
    .string()
    .optional()
    .transform((text) => parseId(text)),
})

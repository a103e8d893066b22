import { z } from 'zod'
import { lineOfText } from '../views/validation.ts'

const maxName = 100

/** Form of a pad. */
export const padForm = z.object({ name: lineOfText(maxName) })

/** What becomes of the notes when their pad is deleted. */
export const padDeletionForm = z.object({ notes: z.enum(['delete', 'keep']).catch('delete') })

import { z } from 'zod'

/** What a reader may take for a record of a verification. */
export const maxVerificationBytes = 64 * 1024

const schema = z.object({
  backupID: z.string(),
  /** Failed stands for ever: an archive that was bad once is never good again. */
  outcome: z.enum(['Verified', 'Failed']),
  /** When it ended. */
  time: z.iso.datetime(),
  durationSeconds: z.number().min(0),
  /** The image whose migrations ran on it. */
  image: z.string().max(500).optional(),
  rows: z.int().min(0).optional(),
  message: z.string().max(2000).optional(),
})

/** How a trial restore of an archive ended; lies beside it. */
export type Verification = z.output<typeof schema>

/** Reads a record; undefined for anything else: what cannot be read proves nothing. */
export function parseVerification(text: string): Verification | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

/** The text that is stored. */
export function formatVerification(verification: Verification): string {
  return `${JSON.stringify(schema.parse(verification), undefined, 2)}\n`
}

import { z } from 'zod'
import { erasedKey, ownerPrefix, type ArchiveOwner } from '../archive/layout.ts'
import type { Store } from '../archive/stores/store.ts'
import { ObjectNotFoundError } from '../errors.ts'
import { damaged } from './compare-sums.ts'
import type { ErasedAccount } from './erase-plan.ts'

/** Half a million accounts. */
const maxBytes = 64 * 1024 * 1024

const schema = z.object({
  formatVersion: z.literal(1),
  erased: z.array(z.object({ idHash: z.string().regex(/^[0-9a-f]{64}$/), erasedAt: z.int().min(0) })),
})

/** The text of the list that lies beside the archives. */
export function formatErased(erased: readonly ErasedAccount[]): string {
  return `${JSON.stringify({ formatVersion: 1, erased })}\n`
}

/**
 * Reads the list of an instance; there is none before somebody deleted an account.
 *
 * @throws {@link AppError} `ChecksumMismatch`, exit code 8, for one that cannot be read: whoever is on it would be brought back
 */
export async function readErased(store: Store, owner: ArchiveOwner): Promise<readonly ErasedAccount[]> {
  let text: string
  try {
    text = await store.readText(erasedKey(owner), maxBytes)
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return []
    throw error
  }
  try {
    return schema.parse(JSON.parse(text)).erased
  } catch (error) {
    throw damaged(`the list of erased accounts of ${ownerPrefix(owner)} in store ${store.name} cannot be read`, error)
  }
}

import { erasedHash } from '../accounts/erased-hash.ts'

/** One account that its owner deleted. */
export interface ErasedAccount {
  readonly idHash: string
  readonly erasedAt: number
}

/** An account of an archive. */
export interface ArchivedAccount {
  readonly id: number
  readonly emailKey: string
}

/** Which accounts of an archive are deleted again when it is restored. */
export interface ErasePlan {
  /** All that is known; what the restored database is to know too. */
  readonly erased: readonly ErasedAccount[]
  /** Whether an account of the archive is one of them. */
  readonly isErased: (account: ArchivedAccount) => boolean
}

/** Decides by the hashes that the list holds: who they were is not in it. */
export function erasePlan(erased: readonly ErasedAccount[], secretKey: string | undefined): ErasePlan {
  const hashes = new Set(erased.map(({ idHash }) => idHash))
  return {
    erased,
    isErased: (account) => hashes.size > 0 && secretKey !== undefined && hashes.has(erasedHash(secretKey, account)),
  }
}

/** Two lists as one; who is on either is on it. */
export function mergeErased(...lists: readonly (readonly ErasedAccount[])[]): ErasedAccount[] {
  const byHash = new Map<string, ErasedAccount>()
  for (const account of lists.flat()) {
    if (!byHash.has(account.idHash)) byHash.set(account.idHash, account)
  }
  return [...byHash.values()].toSorted((a, b) => a.erasedAt - b.erasedAt || (a.idHash < b.idHash ? -1 : 1))
}

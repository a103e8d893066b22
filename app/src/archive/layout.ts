/** Whose archives they are. */
export interface ArchiveOwner {
  readonly namespace: string
  readonly instance: string
  readonly instanceUid: string
}

/** Names of the objects in a backup's folder. */
export const objectNames = {
  /** The dump, encrypted; `data` where the store's encryption is None. */
  encryptedData: 'data.age',
  plainData: 'data',
  /** The app's secret key, encrypted; there is none without encryption. */
  secret: 'secret.age',
  /** Created last: without it the folder is no backup. */
  manifest: 'manifest.json',
  hold: 'hold.json',
  verification: 'verification.json',
} as const

/** The folder of all archives of an instance, with a slash at its end. */
export function ownerPrefix({ namespace, instance, instanceUid }: ArchiveOwner): string {
  return `${namespace}/${instance}/${instanceUid}/`
}

/** The key of an object in a backup's folder. */
export function archiveKey(owner: ArchiveOwner, backupId: string, name: string): string {
  return `${ownerPrefix(owner)}${backupId}/${name}`
}

/** The list of what owners deleted, which every restore applies (hashes of ids). */
export function erasedKey(owner: ArchiveOwner): string {
  return `${ownerPrefix(owner)}erased.json`
}

import type { Resource } from '../kube/resource.ts'

function ours(plural: string, kind: string): Resource {
  return { group: 'notejam.io', version: 'v1', plural, kind, namespaced: true }
}

/** NotejamBackupStores, as paths need them. */
export const notejamBackupStores = ours('notejambackupstores', 'NotejamBackupStore')

/** NotejamBackups, as paths need them. */
export const notejamBackups = ours('notejambackups', 'NotejamBackup')

/** NotejamRestores, as paths need them. */
export const notejamRestores = ours('notejamrestores', 'NotejamRestore')

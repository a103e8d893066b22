import type { NotejamInstance } from '../api/notejam.ts'
import { isReadable } from './is-readable.ts'
import type { InstanceStores } from './resources/data-pod.ts'
import { scratchServerImage } from './resources/scratch-server.ts'

/**
 * Whether the migration of an upgrade can be tried on an archive of the instance; a text says why not. A store that cannot be used just now keeps the
 * release waiting anyway, so it is no reason.
 */
export function canRehearse({ spec }: Pick<NotejamInstance, 'spec'>, stores: InstanceStores | undefined): true | string {
  if (spec.backup === undefined) return 'spec.backup is not set, so there is no archive to try it on'
  if (stores !== undefined && !isReadable(stores)) {
    return `NotejamBackupStore ${stores.first.name} has no encryption.identitySecretRef, so no archive can be read here`
  }
  if (spec.database.type !== 'SQLite' && scratchServerImage(spec) === undefined) {
    return 'spec.backup.verification.serverImage is not set, so there is no throw-away server to try it on'
  }
  return true
}

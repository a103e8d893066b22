import { childName } from '../../api/labels.ts'
import type { NotejamInstance } from '../../api/notejam.ts'

/** Name of the NotejamBackup of an operation: by whose it is, so that an operation has at most one. */
export function operationBackupName({ metadata }: Pick<NotejamInstance, 'metadata'>, operationID: string): string {
  return childName(metadata.name, `${operationID}-backup`)
}

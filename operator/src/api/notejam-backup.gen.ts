// Generated from crds/notejam.io_notejambackups.yaml by operator/scripts/generate-types.ts; a test fails when the two differ.
import type {ObjectMeta} from '../kube/object.ts'

/**
 * NotejamBackup is one backup of an instance. It runs once, to its end; the archive outlives it.
 */
export interface NotejamBackup {
  apiVersion: string
  kind: string
  /**
   * metadata of the object.
   */
  metadata: ObjectMeta
  /**
   * spec says what is backed up. It cannot be changed, but for retention.
   */
  spec: {
    /**
     * instanceRef names the instance.
     */
    instanceRef: {
      /**
       * name of the NotejamInstance in this namespace.
       */
      name: string
    }
    /**
     * reason is why it is taken. OnDemand is for people; PreMigration and PreRestore are what the operator makes before it changes data.
     */
    reason?: 'OnDemand' | 'PreMigration' | 'PreRestore'
    /**
     * deadlineSeconds is how long the run may take, counted from its start.
     */
    deadlineSeconds?: number
    /**
     * retention is Policy (the archive goes when spec.backup.retention of the instance says so) or Hold (it stays).
     */
    retention?: 'Policy' | 'Hold'
  }
  /**
   * status is what the run came to; it does not change after its end.
   */
  status?: {
    /**
     * observedGeneration is the generation of the spec that this status is about.
     */
    observedGeneration?: number
    /**
     * conditions hold one entry, Succeeded - Unknown while it waits or runs, then True or False for good.
     */
    conditions?: {
      /**
       * type of the condition.
       */
      type: string
      /**
       * status is True, False or Unknown.
       */
      status: 'True' | 'False' | 'Unknown'
      /**
       * reason, one of a closed list (docs/reference/reasons).
       */
      reason: string
      /**
       * message says what it means and what to do.
       */
      message: string
      /**
       * lastTransitionTime is when the status changed last.
       */
      lastTransitionTime: string
      /**
       * observedGeneration is the generation that the condition is about.
       */
      observedGeneration?: number
    }[]
    /**
     * backupID is the name of the archive in the store.
     */
    backupID?: string
    /**
     * engine of the database that was backed up.
     */
    engine?: string
    /**
     * schemaVersion of the data.
     */
    schemaVersion?: string
    /**
     * appDigest is the image whose code took the backup.
     */
    appDigest?: string
    /**
     * startTime is when its Job was made.
     */
    startTime?: string
    /**
     * completionTime is when it ended.
     */
    completionTime?: string
    /**
     * sizeBytes of the archive, compressed and encrypted.
     */
    sizeBytes?: number
    /**
     * sha256 of the archive, in hexadecimal digits.
     */
    sha256?: string
    /**
     * rows in all tables together.
     */
    rows?: number
    /**
     * copies tell, store by store, whether the archive lies there.
     */
    copies?: {
      /**
       * store is the name of the NotejamBackupStore.
       */
      store: string
      /**
       * state is Stored or Failed.
       */
      state: 'Stored' | 'Failed'
      /**
       * message says why it failed.
       */
      message?: string
    }[]
    /**
     * verified is when a verification restored this archive and found all of it.
     */
    verified?: {
      /**
       * time of the verification.
       */
      time?: string
      /**
       * durationSeconds that the restore took.
       */
      durationSeconds?: number
    }
  }
}

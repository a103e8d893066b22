// Generated from crds/notejam.io_notejamrestores.yaml by operator/scripts/generate-types.ts; a test fails when the two differ.
import type {ObjectMeta} from '../kube/object.ts'

/**
 * NotejamRestore is one restore of an instance's data. It runs once, to its end.
 */
export interface NotejamRestore {
  apiVersion: string
  kind: string
  /**
   * metadata of the object.
   */
  metadata: ObjectMeta
  /**
   * spec says what is restored from where. It cannot be changed.
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
     * source is the archive.
     */
    source: {
      /**
       * storeRef names the NotejamBackupStore to read from; that of the instance's spec.backup if not given.
       */
      storeRef?: {
        /**
         * name of the NotejamBackupStore in this namespace.
         */
        name: string
      }
      /**
       * instance whose archives they are, as namespace/name or namespace/name/uid; the instance itself if not given.
       */
      instance?: string
      /**
       * backupID is the name of the archive in the store, or Latest for the newest one before this restore.
       */
      backupID?: string
      /**
       * notAfterTime chooses the newest archive that began at this time or before.
       */
      notAfterTime?: string
    }
    /**
     * mode is InPlace (the data of the instance is replaced; a safety backup is taken first), Verify (the archive is restored into a throw-away database and compared, nothing else is touched) or Select (notes of one account are read from the archive and put back beside what is there).
     */
    mode: 'InPlace' | 'Verify' | 'Select'
    /**
     * confirm repeats the name of the instance, for mode InPlace.
     */
    confirm?: string
    /**
     * select says what is wanted back, for mode Select - all notes of one account, or some of them.
     */
    select?: {
      /**
       * user is the e-mail address of the account.
       */
      user?: string
      /**
       * noteIDs are the numbers of the notes, as in their addresses (/notes/1/), all of one account.
       *
       * @minItems 1
       */
      noteIDs?: [number, ...number[]]
    }
    /**
     * deadlineSeconds is how long the Job that restores may take.
     */
    deadlineSeconds?: number
  }
  /**
   * status is how far it is, and what it came to.
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
     * step that is under way, or was the last one.
     */
    step?: string
    /**
     * backupID of the archive that was restored.
     */
    backupID?: string
    /**
     * safetyBackupID is the archive of the data as it was before.
     */
    safetyBackupID?: string
    /**
     * restoredRows in all tables together; in mode Select the notes that were put back.
     */
    restoredRows?: number
    /**
     * durationSeconds that the Job took.
     */
    durationSeconds?: number
    /**
     * startTime is when its first step began.
     */
    startTime?: string
    /**
     * completionTime is when it ended.
     */
    completionTime?: string
  }
}

// Generated from crds/notejam.io_notejambackupstores.yaml by operator/scripts/generate-types.ts; a test fails when the two differ.
import type {ObjectMeta} from '../kube/object.ts'

/**
 * NotejamBackupStore is a place for archives, and for whom they are encrypted. Instances of its namespace share it.
 */
export interface NotejamBackupStore {
  apiVersion: string
  kind: string
  /**
   * metadata of the object.
   */
  metadata: ObjectMeta
  /**
   * spec is where archives go and who can read them.
   */
  spec: {
    /**
     * s3 is a bucket behind the S3 protocol.
     */
    s3?: {
      /**
       * endpoint of the service, such as https://s3.example.org or http://minio.storage.svc:9000.
       */
      endpoint: string
      /**
       * region that requests are signed for; us-east-1 if not given, which most services other than Amazon's take.
       */
      region?: string
      /**
       * bucket that exists; what else lies in it is left alone.
       */
      bucket: string
      /**
       * prefix before every object, without slashes at its ends; none if not given.
       */
      prefix?: string
      /**
       * pathStyle says how a bucket is named in an address. Auto finds out; Always puts it into the path, Never into the host's name.
       */
      pathStyle?: 'Auto' | 'Always' | 'Never'
      /**
       * credentialsSecretRef names a Secret with the entries access-key-id and secret-access-key (and session-token, if there is one) of a user who may put, get and list. Without it the pods take what their service account (pod.serviceAccountName of the instance) gives them, such as a web identity or a pod identity.
       */
      credentialsSecretRef?: {
        /**
         * name of the Secret in this namespace.
         */
        name: string
      }
      /**
       * pruneCredentialsSecretRef names a Secret with the same entries of a user who may delete as well; if not given, credentialsSecretRef counts.
       */
      pruneCredentialsSecretRef?: {
        /**
         * name of the Secret in this namespace.
         */
        name: string
      }
      /**
       * caSecretRef names a Secret with the entry ca.crt, the authorities that count for the endpoint; the public ones if not given.
       */
      caSecretRef?: {
        /**
         * name of the Secret in this namespace.
         */
        name: string
      }
      /**
       * objectLock is Auto (used where the bucket offers it) or Off.
       */
      objectLock?: 'Auto' | 'Off'
    }
    /**
     * volume is a PersistentVolumeClaim, for clusters without an object store. It is mounted by the Jobs, so several nodes need an access mode for several.
     */
    volume?: {
      /**
       * claimName of the PersistentVolumeClaim in this namespace.
       */
      claimName: string
    }
    /**
     * encryption says who can read the archives.
     */
    encryption: {
      /**
       * mode is Age (archives are encrypted to recipients) or None, which Production refuses.
       */
      mode?: 'Age' | 'None'
      /**
       * recipients are the public age keys (age1…) for whom every archive is encrypted; Production needs two or more.
       */
      recipients?: string[]
      /**
       * identitySecretRef names a Secret with the entry identity, the secret age key; only where archives are read (verification, restore).
       */
      identitySecretRef?: {
        /**
         * name of the Secret in this namespace.
         */
        name: string
      }
    }
  }
  /**
   * status is what the operator, and the Jobs that use the store, saw.
   */
  status?: {
    /**
     * observedGeneration is the generation of the spec that this status is about.
     */
    observedGeneration?: number
    /**
     * conditions hold one entry, Ready.
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
     * lastProbeTime is when a Job used the store last, with or without success.
     */
    lastProbeTime?: string
    /**
     * usage is what the instances of this namespace have in the store, as their last prune counted.
     */
    usage?: {
      /**
       * archives that are complete.
       */
      archives?: number
      /**
       * instances that have any.
       */
      instances?: number
    }
  }
}

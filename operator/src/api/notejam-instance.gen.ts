// Generated from crds/notejam.io_notejaminstances.yaml by operator/scripts/generate-types.ts; a test fails when the two differ.
import type {ObjectMeta} from '../kube/object.ts'

/**
 * NotejamInstance is one running Notejam - the app, its database, and the policy of its environment.
 */
export interface NotejamInstance {
  apiVersion: string
  kind: string
  /**
   * metadata of the object.
   */
  metadata: ObjectMeta
  /**
   * spec is the state that is wanted. Only people and pipelines write it, never the operator.
   */
  spec: {
    /**
     * environment is what the instance is for - Development, Test or Production. It chooses the defaults and what is forbidden, and cannot be changed.
     */
    environment: 'Development' | 'Test' | 'Production'
    /**
     * image is the Notejam image to run, by tag or by digest (name@sha256:…). A change starts a release - migration first, roll-out after it. An image pushed again under the same tag is not seen as a change.
     */
    image: string
    /**
     * imagePullSecrets names the Secrets in this namespace with which the image is pulled.
     */
    imagePullSecrets?: {
      /**
       * name of a Secret of type kubernetes.io/dockerconfigjson.
       */
      name: string
    }[]
    /**
     * managementPolicy says whether the operator acts. Managed keeps the instance as the spec says; Paused changes nothing, and reports what it would change. A step that runs may end, no new one begins.
     */
    managementPolicy?: 'Managed' | 'Paused'
    /**
     * runPolicy is Running, or Hibernated - no pod runs and the data is kept; a new image waits until the instance wakes.
     */
    runPolicy?: 'Running' | 'Hibernated'
    /**
     * hibernation lets the instance sleep by a schedule, as with runPolicy Hibernated. For Development and Test.
     */
    hibernation?: {
      /**
       * start is when it falls asleep, in five cron fields.
       */
      start: string
      /**
       * end is when it wakes, in five cron fields.
       */
      end: string
      /**
       * timeZone of both, an IANA name such as Europe/Kyiv.
       */
      timeZone?: string
    }
    /**
     * expiration ends an instance of Development at an instant.
     */
    expiration?: {
      /**
       * time of the end.
       */
      time: string
      /**
       * action is Hibernate (also where Git would bring a deleted instance back), or Delete.
       */
      action?: 'Hibernate' | 'Delete'
    }
    /**
     * deletionPolicy says what happens when the instance is deleted. Delete takes the volume that the operator made (for SQLite or a built-in database) along (the default in Development and Test), BackupThenDelete does so after a last backup is complete and keeps the instance until then, Retain lets the volume stay (the default in Production). External databases and given claims always stay.
     */
    deletionPolicy?: 'Delete' | 'BackupThenDelete' | 'Retain'
    /**
     * replicas is how many pods serve the app. Without it the environment decides (status.effectivePolicy.replicas); with SQLite it is at most 1. With 0 the app is stopped and the data kept.
     */
    replicas?: number
    /**
     * autoscaling lets a HorizontalPodAutoscaler choose the number of pods between two bounds. Not together with replicas, and not with SQLite.
     */
    autoscaling?: {
      /**
       * minReplicas is the least number of pods.
       */
      minReplicas?: number
      /**
       * maxReplicas is the greatest number of pods. With poolSizePerReplica it says how many connections the database must bear.
       */
      maxReplicas: number
      /**
       * peakFactor is the peak that Production must be able to carry, in multiples of minReplicas.
       */
      peakFactor?: number
      /**
       * targetCPUUtilizationPercentage is the CPU use that is aimed at, as a share of what a pod asks for. 60 if neither it nor metrics are given.
       */
      targetCPUUtilizationPercentage?: number
      /**
       * metrics are further metrics of autoscaling/v2 (requests per second, say), passed through as they are. The greatest number that one of them asks for wins.
       */
      metrics?: Readonly<Record<string, unknown>>[]
      /**
       * behavior of autoscaling/v2, passed through as it is. Without it pods double every 15 s at most, and go by half a minute after five quiet minutes.
       */
      behavior?: Readonly<Record<string, unknown>>
    }
    /**
     * database says where the notes are kept.
     */
    database: {
      /**
       * type is the engine. SQLite is a file on a volume beside the app, for Development and Test; MySQL stands for MariaDB too. It cannot be changed.
       */
      type: 'SQLite' | 'PostgreSQL' | 'MySQL'
      /**
       * adopt takes over a database that outlived its instance. Without it one that bears another instance's mark is refused (DatabaseFenced).
       */
      adopt?: {
        /**
         * instanceUID is the UID that the mark in the database names, as the refusal shows it; none for a Notejam without a mark.
         */
        instanceUID: string
      }
      /**
       * poolSizePerReplica is how many connections one pod opens at most; 10 if not given. Not used with SQLite.
       */
      poolSizePerReplica?: number
      /**
       * external is a database server that somebody else runs. Only with type PostgreSQL or MySQL. The operator never drops it.
       */
      external?: {
        /**
         * secretRef names a Secret of this namespace with either the entry url, or the entries host, user, password, database and if need be port. A changed content rolls the pods.
         */
        secretRef: {
          /**
           * name of the Secret.
           */
          name: string
        }
        /**
         * tls says how the connection is protected.
         */
        tls?: {
          /**
           * mode is Disable (in clear), Require (encrypted, nobody checked), VerifyCA (the server's certificate is checked) or VerifyFull (its name too; the default).
           */
          mode?: 'Disable' | 'Require' | 'VerifyCA' | 'VerifyFull'
          /**
           * caSecretRef names a Secret of this namespace whose entry ca.crt signed the server's certificate; without it the public authorities count.
           */
          caSecretRef?: {
            /**
             * name of the Secret.
             */
            name: string
          }
        }
        /**
         * maxConnections is how many connections the server has for this instance; what its pods could open at most is held against it.
         */
        maxConnections?: number
      }
      /**
       * builtIn is a database server that the operator runs for this instance alone - one pod with one volume. For Development and Test, with type PostgreSQL, or MySQL (which is run as MariaDB).
       */
      builtIn?: {
        /**
         * image holds the server's binaries, as the official images postgres and mariadb do; it needs a shell, and runs as user 999. postgres:17 or mariadb:11.8 if not given. Another minor version rolls the pod, another major one is refused.
         */
        image?: string
        /**
         * storage is the volume of the server, which the operator makes.
         */
        storage?: {
          /**
           * size of the volume; 5Gi if not given. It can only grow, and only if the storage class allows it.
           */
          size?: string
          /**
           * storageClassName is the class of the volume; the cluster's default class if not given. It cannot be changed.
           */
          storageClassName?: string
        }
        /**
         * resources are what the server asks for and may use; 100m of CPU and 256Mi to 512Mi of memory if not given. It is tuned for its memory limit, which also says how many connections it takes.
         */
        resources?: {
          /**
           * requests is what the scheduler sets aside for the server.
           */
          requests?: {
            /**
             * cpu in cores, for example 100m.
             */
            cpu?: string | number
            /**
             * memory in bytes, for example 512Mi.
             */
            memory?: string | number
          }
          /**
           * limits is what the server may use at most. More memory than that, and it is killed.
           */
          limits?: {
            /**
             * cpu in cores, for example 100m.
             */
            cpu?: string | number
            /**
             * memory in bytes, for example 512Mi.
             */
            memory?: string | number
          }
        }
      }
      /**
       * sqlite keeps the notes in a file on a PersistentVolumeClaim. Only with type SQLite.
       */
      sqlite?: {
        /**
         * storage is the volume that holds the file - either a claim that the operator makes (size, storageClassName), or one that is there already (existingClaim).
         */
        storage: {
          /**
           * size of the volume; 1Gi if not given. It can only grow, and only if the storage class allows it.
           */
          size?: string
          /**
           * storageClassName is the class of the volume; the cluster's default class if not given. It cannot be changed.
           */
          storageClassName?: string
          /**
           * existingClaim names a PersistentVolumeClaim of this namespace to use instead of a new one. It stays when the instance is deleted. It cannot be changed.
           */
          existingClaim?: string
        }
      }
    }
    /**
     * seed fills the database - in Development after each wipe, in Test once, at the first start - with generated accounts, or with a masked copy of Production. Not for Production.
     */
    seed?: {
      /**
       * generate makes accounts, pads and notes up; the same numbers give the same data.
       */
      generate?: {
        /**
         * users is how many accounts there are.
         */
        users?: number
        /**
         * notesPerUser is how many notes each of them has.
         */
        notesPerUser?: number
        /**
         * seed is the number that all of it depends on.
         */
        seed?: number
      }
      /**
       * from takes a masked copy of another instance, as its owner declares them in backup.maskedCopies; archives that are not masked are refused. Where the database is not wiped, it is taken only while nobody has an account in it.
       */
      from?: {
        /**
         * storeRef names the NotejamBackupStore with the masked copies; it needs encryption.identitySecretRef, whose key opens nothing else.
         */
        storeRef: {
          /**
           * name of the NotejamBackupStore in this namespace.
           */
          name: string
        }
        /**
         * instance that was copied, as namespace/name or namespace/name/uid; of the same database.type.
         */
        instance: string
        /**
         * backupID is the name of the masked copy in the store, or Latest.
         */
        backupID?: string
      }
    }
    /**
     * release says how a new image is taken in.
     */
    release?: {
      /**
       * retryToken is any text; changing it forgets the images that were given up, and tries the one in the spec again.
       */
      retryToken?: string
      /**
       * strategy is what a new image does to the data. Wipe empties the database and begins anew (Development only, the default there); Upgrade migrates it and tries the pages afterwards (the default of Test); BackupThenMigrate inspects it, wants a backup before a change of the schema, and tries the pages before a pod is replaced (the only one for Production).
       */
      strategy?: 'Wipe' | 'Upgrade' | 'BackupThenMigrate'
      /**
       * updatePolicy says when a new image is taken in - Automatic (at once), OnApproval (when approvedImage names it), InWindow (in one of the windows) or Never. The first image of an instance is taken in at once.
       */
      updatePolicy?: 'Automatic' | 'OnApproval' | 'InWindow' | 'Never'
      /**
       * approvedImage is the image that may be taken in with updatePolicy OnApproval, written exactly as in spec.image. A person or a pipeline sets it; who did and when is kept in status.release.
       */
      approvedImage?: string
      /**
       * windows are the times in which releases begin with updatePolicy InWindow; one that has begun goes on after its end.
       */
      windows?: {
        /**
         * schedule is when the window opens, as a cron expression of five fields, for example "0 2 * * 2". A time that a change to summer time skips opens it as much later as the clocks jump.
         */
        schedule: string
        /**
         * durationSeconds is how long the window stays open.
         */
        durationSeconds: number
        /**
         * timeZone of the schedule, a name of the IANA database such as Europe/Kyiv; UTC if not given.
         */
        timeZone?: string
      }[]
      /**
       * contractAfterSeconds is how long after a release the parts of the schema that only older code needs are removed; the next release does it earlier. 0 removes them at once.
       */
      contractAfterSeconds?: number
      /**
       * rollback says what follows a roll-out that failed - Automatic puts the image before back, Manual leaves the new pods as they are for a person to look at.
       */
      rollback?: 'Automatic' | 'Manual'
      /**
       * missingBackup says what strategy BackupThenMigrate does without spec.backup when an image would change the schema - Refuse (Stalled, BackupUnavailable) or Accept. Images that leave the schema as it is need no backup. Production without spec.backup has to say Accept.
       */
      missingBackup?: 'Refuse' | 'Accept'
      /**
       * gate lets only images in that were upgraded to and verified elsewhere. Either of its two lists is enough.
       */
      gate?: {
        /**
         * requireVerifiedBy names an instance of environment Test whose status.verifiedImages counts.
         */
        requireVerifiedBy?: {
          /**
           * namespace of that instance; the same one if not given. The operator must watch it.
           */
          namespace?: string
          /**
           * name of that instance.
           */
          name: string
        }
        /**
         * verifiedImages are digests that were verified in another cluster.
         */
        verifiedImages?: string[]
      }
      /**
       * migration tunes the Job that brings the database schema forward before a roll-out.
       */
      migration?: {
        /**
         * deadlineSeconds is how long a migration may take, with the pull of its image, before it is ended and the release given up.
         */
        deadlineSeconds?: number
      }
      /**
       * rollout tunes how pods of a new image replace those of the old one.
       */
      rollout?: {
        /**
         * minReadySeconds is how long a new pod must stay ready before it counts as good.
         */
        minReadySeconds?: number
        /**
         * progressDeadlineSeconds is how long a roll-out may make no progress before it is given up and the image before it is put back.
         */
        progressDeadlineSeconds?: number
        /**
         * drainSeconds is how long a pod that is taken away may go on with what it began - at first as before, while proxies learn of its end, then closing each connection with its answer. 40 if not given, 25 with SQLite, where the next pod waits for it.
         */
        drainSeconds?: number
      }
    }
    /**
     * http says how people reach the app.
     */
    http?: {
      /**
       * hosts are the DNS names of the app. The first is the canonical one, and makes the URL.
       */
      hosts?: string[]
      /**
       * gateway makes an HTTPRoute of the Gateway API for the hosts. Not together with ingress. The address is taken for https; app.publicURL says otherwise.
       */
      gateway?: {
        /**
         * parentRefs are the Gateways (or their listeners) that the route hangs on, as in an HTTPRoute.
         *
         * @minItems 1
         */
        parentRefs: [
          {
            /**
             * name of the Gateway.
             */
            name: string
            /**
             * namespace of the Gateway; the instance's own if not given.
             */
            namespace?: string
            /**
             * sectionName is the listener of the Gateway; all that fit if not given.
             */
            sectionName?: string
          },
          ...{
            /**
             * name of the Gateway.
             */
            name: string
            /**
             * namespace of the Gateway; the instance's own if not given.
             */
            namespace?: string
            /**
             * sectionName is the listener of the Gateway; all that fit if not given.
             */
            sectionName?: string
          }[],
        ]
      }
      /**
       * service tunes the Service before the app's pods.
       */
      service?: {
        /**
         * type of the Service.
         */
        type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer'
        /**
         * annotations are set on the Service, for what a load balancer understands.
         */
        annotations?: {
          [k: string]: string
        }
      }
      /**
       * trustedProxies are the address ranges of proxies whose word about who asks counts (X-Forwarded-For); private addresses if not given and there is an ingress or a gateway.
       */
      trustedProxies?: string[]
      /**
       * allowFrom are the address ranges from which people may ask for pages, by what the trusted proxies say; everybody if not given. What comes without a proxy from inside the cluster is let in, as networkPolicy says.
       */
      allowFrom?: string[]
      /**
       * ingress makes an Ingress for the hosts. Without it only the Service inside the cluster is there.
       */
      ingress?: {
        /**
         * className is the IngressClass; the cluster's default class if not given.
         */
        className?: string
        /**
         * annotations are set on the Ingress, for what the ingress controller understands.
         */
        annotations?: {
          [k: string]: string
        }
        /**
         * tls serves the hosts over HTTPS.
         */
        tls?: {
          /**
           * secretRef is the Secret of type kubernetes.io/tls with the certificate; the ingress controller reads it, or cert-manager fills it.
           */
          secretRef: {
            /**
             * name of the Secret.
             */
            name: string
          }
        }
      }
    }
    /**
     * resources are what one pod of the app asks for and may use. What is not given comes from the environment (status.effectivePolicy.resources).
     */
    resources?: {
      /**
       * requests is what the scheduler sets aside for a pod.
       */
      requests?: {
        /**
         * cpu in cores, for example 100m.
         */
        cpu?: string | number
        /**
         * memory in bytes, for example 160Mi.
         */
        memory?: string | number
      }
      /**
       * limits is what a pod may use at most. More memory than that, and it is killed.
       */
      limits?: {
        /**
         * cpu in cores, for example 100m.
         */
        cpu?: string | number
        /**
         * memory in bytes, for example 160Mi.
         */
        memory?: string | number
      }
    }
    /**
     * backup says where the data of the instance is backed up, when, and how long that is kept.
     */
    backup?: {
      /**
       * storeRef names the NotejamBackupStore that holds the archives.
       */
      storeRef: {
        /**
         * name of the NotejamBackupStore in this namespace.
         */
        name: string
      }
      /**
       * secondStoreRef names a second store, which gets a copy of every archive. A copy that fails holds nothing up, and is a condition (SecondCopyCurrent).
       */
      secondStoreRef?: {
        /**
         * name of the NotejamBackupStore in this namespace.
         */
        name: string
      }
      /**
       * schedule in five cron fields; daily within the first quarter of an hour after midnight if not given.
       */
      schedule?: string
      /**
       * timeZone of the schedules, an IANA name such as Europe/Kyiv.
       */
      timeZone?: string
      /**
       * retention says how long archives are kept, in calendar years, months, weeks and days (ISO 8601). The newest, the newest verified one and held ones stay in any case.
       */
      retention?: {
        /**
         * daily is how long the last archive of each day is kept; three calendar years if not given.
         */
        daily?: string
        /**
         * weekly is how long the last archive of each week is kept; not at all if not given.
         */
        weekly?: string
        /**
         * monthly is how long the last archive of each month is kept; not at all if not given.
         */
        monthly?: string
        /**
         * beforeMigration is how long archives taken before a migration are kept; thirty days if not given, and the last three in any case.
         */
        beforeMigration?: string
      }
      /**
       * verification restores the newest archive into a throw-away server from time to time, and compares it row by row with what was backed up. The store needs encryption.identitySecretRef for it.
       */
      verification?: {
        /**
         * schedule in five cron fields; Sundays at four if not given.
         */
        schedule?: string
        /**
         * serverImage holds the binaries of the database server (the official images do); SQLite needs none.
         */
        serverImage?: string
        /**
         * scratchSize is how much room the throw-away database may take on the node; 10Gi if not given.
         */
        scratchSize?: string
      }
      /**
       * maskedCopies are made of the newest archive for Test and Development (environment Production). Each is masked in a throw-away server in this namespace before anything of it is stored, and encrypted for its recipients alone.
       */
      maskedCopies?: {
        /**
         * name of the copy; its CronJob is called after it.
         */
        name: string
        /**
         * storeRef names the NotejamBackupStore that the copy goes to; another one than those of the backups.
         */
        storeRef: {
          /**
           * name of the NotejamBackupStore in this namespace.
           */
          name: string
        }
        /**
         * recipients are the public age keys (age1…) of those who may read the copy. None of them may open the archives of the instance itself.
         *
         * @minItems 1
         */
        recipients: [string, ...string[]]
        /**
         * schedule in five cron fields; Sundays at five if not given.
         */
        schedule?: string
      }[]
      /**
       * deadlineSeconds is how long a run may take before it is given up.
       */
      deadlineSeconds?: number
      /**
       * resources of the pods that back up and verify; 100m of CPU and 128Mi to 512Mi of memory if not given.
       */
      resources?: {
        /**
         * requests is what the scheduler sets aside for a pod.
         */
        requests?: {
          /**
           * cpu in cores, for example 100m.
           */
          cpu?: string | number
          /**
           * memory in bytes, for example 160Mi.
           */
          memory?: string | number
        }
        /**
         * limits is what a pod may use at most.
         */
        limits?: {
          /**
           * cpu in cores, for example 100m.
           */
          cpu?: string | number
          /**
           * memory in bytes, for example 160Mi.
           */
          memory?: string | number
        }
      }
    }
    /**
     * bootstrap says what a new instance begins with instead of an empty database. It cannot be added, changed or removed later.
     */
    bootstrap?: {
      /**
       * restore begins with an archive, also of an instance that is gone. People stay signed in, for the app's key comes with it (without app.secretRef).
       */
      restore: {
        /**
         * storeRef names the NotejamBackupStore to read from; it needs encryption.identitySecretRef.
         */
        storeRef: {
          /**
           * name of the NotejamBackupStore in this namespace.
           */
          name: string
        }
        /**
         * instance whose archives they are, as namespace/name or namespace/name/uid.
         */
        instance: string
        /**
         * backupID is the name of the archive in the store, or Latest.
         */
        backupID?: string
        /**
         * notAfterTime chooses the newest archive that began at this time or before.
         */
        notAfterTime?: string
      }
    }
    /**
     * availability says how the pods are spread and protected. From two replicas on, a disruption budget keeps drains from taking more than one pod at a time.
     */
    availability?: {
      /**
       * zoneSpread over zones is Preferred (as even as the nodes allow; the default) or Required (a pod waits rather than unbalance them; a zone that is lost does not count; every node needs the label topology.kubernetes.io/zone).
       */
      zoneSpread?: 'Preferred' | 'Required'
      /**
       * nodeLossSeconds is how long a pod stays bound to a node that was lost before it is replaced; 30 if not given, and not used with SQLite, whose volume is on that node.
       */
      nodeLossSeconds?: number
      /**
       * priorityClassName of the app's pods.
       */
      priorityClassName?: string
    }
    /**
     * pod tunes the pods of the app and of the Jobs.
     */
    pod?: {
      /**
       * labels are set on the app's pods beside the operator's own.
       */
      labels?: {
        [k: string]: string
      }
      /**
       * annotations are set on the app's pods.
       */
      annotations?: {
        [k: string]: string
      }
      /**
       * imagePullPolicy of all containers.
       */
      imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never'
      /**
       * serviceAccountName that the pods are known by; no token of it is mounted.
       */
      serviceAccountName?: string
      /**
       * nodeSelector holds the labels of the nodes that pods may run on.
       */
      nodeSelector?: {
        [k: string]: string
      }
      /**
       * tolerations of the pods, beside those for lost nodes.
       */
      tolerations?: {
        /**
         * key of the taint; every taint if not given.
         */
        key?: string
        /**
         * operator is Exists, or Equal to compare the value.
         */
        operator?: 'Exists' | 'Equal'
        /**
         * value of the taint.
         */
        value?: string
        /**
         * effect of the taint; every effect if not given.
         */
        effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'
        /**
         * tolerationSeconds is how long a taint with effect NoExecute is borne.
         */
        tolerationSeconds?: number
      }[]
    }
    /**
     * inheritedMetadata names labels and annotations of the instance that are copied to every object that the operator makes for it (not to the pods, which a change would restart; see pod).
     */
    inheritedMetadata?: {
      /**
       * labels to copy, by name.
       */
      labels?: string[]
      /**
       * annotations to copy, by name.
       */
      annotations?: string[]
    }
    /**
     * networkPolicy closes the pods but for what they need - names, the database, the mail server, their web port, and metrics for the pods of namespaces labelled notejam.io/monitoring=true.
     */
    networkPolicy?: {
      /**
       * mode is Managed (the operator keeps the policies) or Disabled (there are none of its own).
       */
      mode?: 'Managed' | 'Disabled'
      /**
       * ingress are the peers that reach the app's web port, as in a NetworkPolicy. Without it everybody does where http has an ingress, and the namespace's own pods where not.
       */
      ingress?: Readonly<Record<string, unknown>>[]
      /**
       * egress are further rules for what the app's pods may reach, as in a NetworkPolicy.
       */
      egress?: Readonly<Record<string, unknown>>[]
    }
    /**
     * app sets the Notejam app itself.
     */
    app?: {
      /**
       * extraEnv are further environment variables of the app, for what the image offers and no field here does.
       */
      extraEnv?: {
        /**
         * name of the variable.
         */
        name: string
        /**
         * value of the variable, in clear; for a secret use the fields that name Secrets.
         */
        value: string
      }[]
      /**
       * smtpSecretRef names a Secret of this namespace whose entry url is the mail server, as smtps://user:password@host:465. Without it mail waits inside the app.
       */
      smtpSecretRef?: {
        /**
         * name of the Secret.
         */
        name: string
      }
      /**
       * secretRef names a Secret of this namespace whose entry secret-key (at least 32 bytes) keys what the app signs and hashes. Without it the operator makes one. A changed content rolls the pods.
       */
      secretRef?: {
        /**
         * name of the Secret.
         */
        name: string
      }
      /**
       * publicURL is the address that people type, where it is not https (with tls) or http and the first host - behind a port or another proxy, for example.
       */
      publicURL?: string
    }
  }
  /**
   * status is the state that was found, written by the operator alone.
   */
  status?: {
    /**
     * observedGeneration is the generation of the spec that the rest of the status is about.
     */
    observedGeneration?: number
    /**
     * conditions are Ready, Reconciling, Stalled, Available, SchemaCurrent, ScalingActive, Paused, (with a database server) DatabaseReachable and (environment Test) UpgradeVerified; each reason has a page in the reference.
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
       * observedGeneration is the generation of the spec that the condition was set for.
       */
      observedGeneration?: number
      /**
       * lastTransitionTime is when the status of the condition last changed.
       */
      lastTransitionTime: string
      /**
       * reason says in one word why; one of a closed list.
       */
      reason: string
      /**
       * message says what happened and what to do.
       */
      message: string
    }[]
    /**
     * replicas is how many pods of the app there are.
     */
    replicas?: number
    /**
     * readyReplicas is how many of them are ready.
     */
    readyReplicas?: number
    /**
     * selector finds the pods of the app; used by the scale subresource.
     */
    selector?: string
    /**
     * url is where the app is reached.
     */
    url?: string
    /**
     * release is what runs, what is under way, and what came before.
     */
    release?: {
      /**
       * counter is the number of the newest release; release r17 is the seventeenth of this instance.
       */
      counter?: number
      /**
       * retryToken is the spec's token that was last acted on.
       */
      retryToken?: string
      /**
       * current is the release whose roll-out was completed last.
       */
      current?: {
        /**
         * id of the release, r1 for the first.
         */
        id?: string
        /**
         * image as the spec named it.
         */
        image: string
        /**
         * digest that the migration Job ran, and the pods run.
         */
        digest?: string
        /**
         * version is the tag of the image, or the beginning of its digest.
         */
        version?: string
        /**
         * schemaVersion is the version of the database schema after its migration.
         */
        schemaVersion?: string
        /**
         * since is when the release was complete (current) or began (target).
         */
        since?: string
        /**
         * pendingContract is how many steps of the schema, which only older code needs, are still to be removed.
         */
        pendingContract?: number
        /**
         * contractFailure is why they could not be removed; the next release tries again.
         */
        contractFailure?: string
        /**
         * rehearsal is how the migration of an upgrade was tried before on an archive of this instance (strategy Upgrade).
         */
        rehearsal?: {
          /**
           * result is Passed (each row was as before, but for what the image declares to rewrite) or Skipped.
           */
          result: 'Passed' | 'Skipped'
          /**
           * message is why it was skipped.
           */
          message?: string
          /**
           * backupID names the archive.
           */
          backupID?: string
          /**
           * tables is how many tables were compared.
           */
          tables?: number
          /**
           * rows is how many rows were compared.
           */
          rows?: number
          /**
           * durationSeconds is how long it took, the restore included.
           */
          durationSeconds?: number
        }
        /**
         * approval is who approved the image and when, as the API server recorded it, where updatePolicy was OnApproval.
         */
        approval?: {
          /**
           * manager is the client that set spec.release.approvedImage last.
           */
          manager?: string
          /**
           * time when it was set.
           */
          time?: string
        }
      }
      /**
       * target is the release under way; absent when there is none.
       */
      target?: {
        /**
         * id of the release, r1 for the first.
         */
        id?: string
        /**
         * image as the spec named it.
         */
        image: string
        /**
         * digest that the migration Job ran, and the pods run.
         */
        digest?: string
        /**
         * version is the tag of the image, or the beginning of its digest.
         */
        version?: string
        /**
         * schemaVersion is the version of the database schema after its migration.
         */
        schemaVersion?: string
        /**
         * since is when the release was complete (current) or began (target).
         */
        since?: string
        /**
         * pendingContract is how many steps of the schema, which only older code needs, are still to be removed.
         */
        pendingContract?: number
        /**
         * contractFailure is why they could not be removed; the next release tries again.
         */
        contractFailure?: string
        /**
         * rehearsal is how the migration of an upgrade was tried before on an archive of this instance (strategy Upgrade).
         */
        rehearsal?: {
          /**
           * result is Passed (each row was as before, but for what the image declares to rewrite) or Skipped.
           */
          result: 'Passed' | 'Skipped'
          /**
           * message is why it was skipped.
           */
          message?: string
          /**
           * backupID names the archive.
           */
          backupID?: string
          /**
           * tables is how many tables were compared.
           */
          tables?: number
          /**
           * rows is how many rows were compared.
           */
          rows?: number
          /**
           * durationSeconds is how long it took, the restore included.
           */
          durationSeconds?: number
        }
        /**
         * approval is who approved the image and when, as the API server recorded it, where updatePolicy was OnApproval.
         */
        approval?: {
          /**
           * manager is the client that set spec.release.approvedImage last.
           */
          manager?: string
          /**
           * time when it was set.
           */
          time?: string
        }
      }
      /**
       * history holds the last five releases that ended, the newest first.
       */
      history?: {
        /**
         * id of the release.
         */
        id: string
        /**
         * image as the spec named it.
         */
        image: string
        /**
         * digest that ran, if it came so far.
         */
        digest?: string
        /**
         * result is Succeeded, Failed (nothing was rolled out), RolledBack or Superseded.
         */
        result: 'Succeeded' | 'Failed' | 'RolledBack' | 'Superseded'
        /**
         * reason of a failure, one of those of the condition Stalled.
         */
        reason?: string
        /**
         * startTime is when the release began.
         */
        startTime?: string
        /**
         * completionTime is when it ended.
         */
        completionTime?: string
        /**
         * approval is who approved the image and when.
         */
        approval?: {
          /**
           * manager is the client that set spec.release.approvedImage last.
           */
          manager?: string
          /**
           * time when it was set.
           */
          time?: string
        }
      }[]
      /**
       * rejected are the images that failed, and are not tried again until spec.release.retryToken changes; the newest first, at most 20.
       */
      rejected?: {
        /**
         * image as the spec named it.
         */
        image: string
        /**
         * digest that ran, if it came so far.
         */
        digest?: string
        /**
         * reason of the failure, one of those of the condition Stalled.
         */
        reason: string
        /**
         * message with the exit code and the last lines of the log.
         */
        message?: string
        /**
         * time of the failure.
         */
        time?: string
      }[]
    }
    /**
     * operation is the journal of what is being done, written before it is done; absent when nothing is.
     */
    operation?: {
      /**
       * id of the operation; a release's is its own, with the attempt behind a hyphen.
       */
      id: string
      /**
       * version of the journal's form, so that a newer operator knows an older entry.
       */
      version: number
      /**
       * type of the operation.
       */
      type: 'Release' | 'Contract' | 'Restore'
      /**
       * strategy with which the operation began; a change of the spec is for the next one.
       */
      strategy?: 'Wipe' | 'Upgrade' | 'BackupThenMigrate'
      /**
       * step that is under way.
       */
      step:
        | 'Inspecting'
        | 'BackingUp'
        | 'Rehearsing'
        | 'Contracting'
        | 'Stopping'
        | 'Wiping'
        | 'Migrating'
        | 'Withdrawing'
        | 'Seeding'
        | 'Smoking'
        | 'RollingOut'
        | 'Verifying'
        | 'RollingBack'
        | 'Restoring'
      /**
       * jobUID of the step's Job, once it is there; a Job that is deleted is not made again.
       */
      jobUID?: string
      /**
       * inspected is what the step Inspecting found in the database.
       */
      inspected?: {
        /**
         * database is Empty or Ours.
         */
        database?: 'Empty' | 'Ours'
        /**
         * pending is how many steps of the schema the image adds.
         */
        pending?: number
        /**
         * accounts is how many there are; a masked copy takes the place of none.
         */
        accounts?: number
      }
      /**
       * restored is what the step Restoring put in the place of the data.
       */
      restored?: {
        /**
         * backupID of the archive.
         */
        backupID?: string
        /**
         * rows in all tables together.
         */
        rows?: number
        /**
         * durationSeconds that it took.
         */
        durationSeconds?: number
      }
      /**
       * reason why the step does not get on, or why the release is being rolled back.
       */
      reason?: string
      /**
       * message that goes with the reason.
       */
      message?: string
      /**
       * startTime is when the operation began.
       */
      startTime: string
      /**
       * stepTime is when its present step began.
       */
      stepTime?: string
      /**
       * deadlineTime is when its present step is given up.
       */
      deadlineTime?: string
    }
    /**
     * backup is what the Jobs of the instance and its store say about backups.
     */
    backup?: {
      /**
       * lastSuccessful is when the newest good backup was complete.
       */
      lastSuccessful?: string
      /**
       * lastBackupID is its name in the store.
       */
      lastBackupID?: string
      /**
       * lastSecondCopy is when the second store got an archive last.
       */
      lastSecondCopy?: string
      /**
       * lastVerified is when a verification restored an archive last and found all of it.
       */
      lastVerified?: string
      /**
       * failedVerification is a trial restore that failed; it stays until a later one of that archive or of a newer one succeeds.
       */
      failedVerification?: {
        /**
         * time at which the newest failed trial ended.
         */
        time: string
        /**
         * backupID is the archive that was tried, by its name in the store; the newest of them where several failed. Absent where it is not known.
         */
        backupID?: string
        /**
         * message is what the newest failed trial said.
         */
        message: string
      }
      /**
       * lastRunTime is when the newest scheduled run ended, with or without success.
       */
      lastRunTime?: string
      /**
       * consecutiveFailures is how many scheduled runs failed since the last success.
       */
      consecutiveFailures?: number
      /**
       * nextRunTime is when the schedule comes round next; absent while it is suspended.
       */
      nextRunTime?: string
      /**
       * storedCount is how many archives the store held when they were counted last, after a scheduled run.
       */
      storedCount?: number
      /**
       * oldest is the time of the oldest of them.
       */
      oldest?: string
      /**
       * maskedCopies says when each declared copy was made last.
       */
      maskedCopies?: {
        /**
         * name of the copy.
         */
        name: string
        /**
         * lastSuccessful is when it was made last.
         */
        lastSuccessful?: string
        /**
         * lastBackupID is its name in the store.
         */
        lastBackupID?: string
      }[]
    }
    /**
     * lastRestore is what the newest NotejamRestore in place came to.
     */
    lastRestore?: {
      /**
       * uid of the NotejamRestore.
       */
      uid: string
      /**
       * result is Succeeded or Failed.
       */
      result: 'Succeeded' | 'Failed'
      /**
       * step that was the last one.
       */
      step?: string
      /**
       * reason of a failure.
       */
      reason?: string
      /**
       * message that goes with the reason.
       */
      message?: string
      /**
       * backupID of the archive that was restored.
       */
      backupID?: string
      /**
       * rows in all tables together.
       */
      rows?: number
      /**
       * durationSeconds that it took.
       */
      durationSeconds?: number
      /**
       * startTime is when it began.
       */
      startTime?: string
      /**
       * completionTime is when it ended.
       */
      completionTime: string
    }
    /**
     * effectivePolicy is what the spec and the defaults of the environment came to.
     */
    effectivePolicy?: {
      /**
       * replicas that are wanted.
       */
      replicas?: number
      /**
       * releaseStrategy is what a new image does to the data.
       */
      releaseStrategy?: 'Wipe' | 'Upgrade' | 'BackupThenMigrate'
      /**
       * maxReplicas is the greatest number of pods, where an autoscaler chooses; replicas is the least then.
       */
      maxReplicas?: number
      /**
       * rolloutStrategy is Recreate (SQLite, one pod at a time) or RollingUpdate.
       */
      rolloutStrategy?: 'Recreate' | 'RollingUpdate'
      /**
       * databaseImage is the image of the built-in database.
       */
      databaseImage?: string
      /**
       * maxConnections is how many connections the database has for the pods and Jobs of the instance, as far as known.
       */
      maxConnections?: number
      /**
       * storageSize of the volume that the operator keeps.
       */
      storageSize?: string
      /**
       * publicURL that the app is told.
       */
      publicURL?: string
      /**
       * resources of one pod of the app.
       */
      resources?: {
        /**
         * requests of one pod.
         */
        requests?: {
          [k: string]: string
        }
        /**
         * limits of one pod.
         */
        limits?: {
          [k: string]: string
        }
      }
    }
    /**
     * verifiedImages are the images that this instance was upgraded to and whose pages were tried afterwards (environment Test); the newest first, at most 20.
     */
    verifiedImages?: {
      /**
       * digest that ran, as it stands in a spec.image.
       */
      digest: string
      /**
       * image as the spec named it.
       */
      image: string
      /**
       * time of the verification.
       */
      time: string
    }[]
    /**
     * databaseIdentity is the mark that the first migration left in the database; no other instance changes a database that bears it.
     */
    databaseIdentity?: {
      /**
       * instanceUID of the instance whose database it is.
       */
      instanceUID?: string
      /**
       * environment of that instance.
       */
      environment?: string
      /**
       * fingerprint is random, made with the mark.
       */
      fingerprint?: string
      /**
       * address is a hash of host and name of the database when its mark was last seen; nothing is wiped at another one before the mark was seen there.
       */
      address?: string
    }
    /**
     * inventory lists the objects that the operator keeps for this instance.
     */
    inventory?: {
      /**
       * kind of the object.
       */
      kind: string
      /**
       * name of the object, in the instance's namespace.
       */
      name: string
      /**
       * uid of the object.
       */
      uid: string
    }[]
  }
}

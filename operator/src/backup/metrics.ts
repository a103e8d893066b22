import { Gauge, type Registry } from 'prom-client'
import type { ObjectKey } from '../kube/object.ts'
import type { BackupSummary } from './instance-planner.ts'

/** Tells monitoring how the backups of instances are doing. */
export interface BackupMetrics {
  observe(instance: ObjectKey, summary: BackupSummary): void
  /** The instance is gone, and its series with it. */
  forget(instance: ObjectKey): void
}

/** Where nobody watches. */
export const noBackupMetrics: BackupMetrics = { observe: () => undefined, forget: () => undefined }

const labelNames = ['namespace', 'name'] as const

/** {@link BackupMetrics} in a Prometheus registry. Only the leader has these series: alert on what they say, and on none being there. */
export function createBackupMetrics(registry: Registry): BackupMetrics {
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers: [registry] })
  const success = gauge('notejam_backup_last_success_timestamp_seconds', 'When the newest good backup was complete')
  const verified = gauge(
    'notejam_backup_last_verified_timestamp_seconds',
    'When an archive was last restored on trial with all of it there',
  )
  const copied = gauge('notejam_backup_last_second_copy_timestamp_seconds', 'When the second store got an archive last')
  const failures = gauge('notejam_backup_consecutive_failures', 'Scheduled runs that failed since the last success')
  const stored = gauge('notejam_backup_stored', 'Archives in the store when they were counted last')
  const conditions = new Gauge({
    name: 'notejam_backup_condition',
    help: 'Conditions about backups: 1 for True, 0 for Unknown, -1 for False',
    labelNames: [...labelNames, 'type'],
    registers: [registry],
  })
  const all = [success, verified, copied, failures, stored]
  const types = ['BackupCurrent', 'SecondCopyCurrent', 'RestoreVerified', 'MaskedCopiesCurrent'] as const
  const forget = ({ namespace, name }: ObjectKey) => {
    for (const metric of all) metric.remove({ namespace, name })
    for (const type of types) conditions.remove({ namespace, name, type })
  }
  return {
    observe: (instance, { status, conditions: states }) => {
      const { namespace, name } = instance
      forget(instance)
      for (const { type, status: value } of states)
        conditions.set({ namespace, name, type }, value === 'True' ? 1 : value === 'False' ? -1 : 0)
      if (status === undefined) return
      const set = (metric: Gauge<'namespace' | 'name'>, value: number | undefined) => {
        if (value !== undefined) metric.set({ namespace, name }, value)
      }
      const seconds = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time) / 1000)
      set(success, seconds(status.lastSuccessful))
      set(verified, seconds(status.lastVerified))
      set(copied, seconds(status.lastSecondCopy))
      set(failures, status.consecutiveFailures)
      set(stored, status.storedCount)
    },
    forget,
  }
}

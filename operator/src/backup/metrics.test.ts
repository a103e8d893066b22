import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { condition } from '../api/reasons.ts'
import type { BackupSummary } from './instance-planner.ts'
import { createBackupMetrics } from './metrics.ts'

const notes = { namespace: 'team', name: 'notes' }
const summary = (more: Partial<BackupSummary> = {}): BackupSummary => ({
  status: { lastSuccessful: '2026-11-21T00:00:00Z', consecutiveFailures: 2, storedCount: 7 },
  conditions: [condition('BackupCurrent', 'False', 'LastRunFailed', 'no', 1)],
  invalid: undefined,
  wakeAt: undefined,
  ...more,
})

describe('the metrics of backups', () => {
  it('are times, counts and conditions that an alert can use, and go with the instance', async () => {
    const registry = new Registry()
    const metrics = createBackupMetrics(registry)

    metrics.observe(notes, summary())
    const text = await registry.metrics()
    metrics.forget(notes)
    const after = await registry.metrics()

    expect(text).toContain('notejam_backup_last_success_timestamp_seconds{namespace="team",name="notes"} 1795219200')
    expect(text).toContain('notejam_backup_consecutive_failures{namespace="team",name="notes"} 2')
    expect(text).toContain('notejam_backup_stored{namespace="team",name="notes"} 7')
    expect(text).toContain('notejam_backup_condition{namespace="team",name="notes",type="BackupCurrent"} -1')
    expect(text).not.toContain('last_verified_timestamp_seconds{')
    expect(after).not.toContain('namespace="team"')
  })

  it('leave nothing of a condition that is gone', async () => {
    const registry = new Registry()
    const metrics = createBackupMetrics(registry)

    metrics.observe(notes, summary())
    metrics.observe(notes, summary({ status: undefined, conditions: [] }))

    expect(await registry.metrics()).not.toContain('namespace="team"')
  })
})

import { describe, expect, it } from 'vitest'
import { effectivePolicy } from '../../api/policy.ts'
import { describeConnection } from '../../instance/connection.ts'
import { sampleInstance, samples } from '../../instance/resources/sample-instances.ts'
import type { CronJobsInput } from './backup-cron-jobs.ts'
import { buildMaskCronJobs, maskCronJobName } from './mask-cron-job.ts'

function inputOf(): CronJobsInput {
  const { instance, database, stores, copyStores } = samples.backups
  const described = describeConnection(instance.spec, new Map(Object.entries(database).map(([name, text]) => [name, Buffer.from(text)])))
  if (!('connection' in described)) throw new TypeError('the sample lacks its connection')
  const copies = (instance.spec.backup?.maskedCopies ?? []).flatMap((copy) => copyStores.map((store) => ({ copy, store })))
  return {
    ...{ instance: sampleInstance(instance.spec), policy: effectivePolicy(instance.spec), connection: described.connection, stores },
    ...{ image: 'registry.example/notejam:1', besideApp: false, suspended: false, holds: [], released: [] },
    copies,
  }
}

describe('buildMaskCronJobs', () => {
  it('reads the backups, writes for the declared recipients alone, and has neither the database nor what opens the copy', () => {
    const text = JSON.stringify(buildMaskCronJobs(inputOf()))

    expect(text).toContain('["mask","--backup","Latest","--uid","$(RUN_UID)","--deadline","7200"]')
    expect(text).toContain('{"name":"STORE_IDENTITY_FILE","value":"/run/secrets/notejam-store-identity/identity"}')
    expect(text).toContain('{"name":"TARGET_STORE_RECIPIENTS","value":"age1test"}')
    expect(text).toContain('{"name":"SCRATCH_DATABASE_URL"')
    for (const absent of ['never-here', 'age1other', 'notes-db', 'TARGET_STORE_IDENTITY_FILE', '"DATABASE_URL"', 'NOTEJAM_INSTANCE_SPEC'])
      expect(text).not.toContain(absent)
  })

  it('makes none where none is declared', () => {
    expect(buildMaskCronJobs({ ...inputOf(), copies: [] })).toEqual([])
  })

  it('gives names that a CronJob can have, and two copies two of them', () => {
    const instance = 'i'.repeat(40)

    const names = ['test', 'c'.repeat(19), `${'c'.repeat(19)}d`].map((copy) => maskCronJobName(instance, copy))

    expect(names.map((name) => name.length).toSorted()).toEqual([50, 52, 52])
    expect(new Set(names).size).toBe(3)
  })
})

import { describe, expect, it } from 'vitest'
import { effectivePolicy } from '../../api/policy.ts'
import { describeConnection } from '../../instance/connection.ts'
import { sampleInstance, samples } from '../../instance/resources/sample-instances.ts'
import type { CronJobsInput } from './backup-cron-jobs.ts'
import { buildMaskCronJobs, maskCronJobName } from './mask-cron-job.ts'
import type { NamedStore } from './store-pod.ts'

const bucket = { endpoint: 'https://s3.example.org', bucket: 'copies', credentialsSecretRef: { name: 'writer' } }

interface PodShape {
  readonly initContainers: readonly { readonly name: string }[]
  readonly containers: readonly { readonly args: readonly string[]; readonly env: readonly unknown[] }[]
}

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

  it.each<[string, Partial<NamedStore['spec']>]>([
    ['a volume', { volume: { claimName: 'copies' } }],
    ['a bucket with credentials for it', { s3: { ...bucket, pruneCredentialsSecretRef: { name: 'pruner' } } }],
  ])('lets go of old copies when a new one is there, in %s, and keeps those that somebody begins with', (_what, place) => {
    const { instance, copies, ...rest } = inputOf()
    const kept = { ...instance, spec: { ...instance.spec, backup: { ...instance.spec.backup, retention: { daily: 'P30D' } } } }
    const wanted = ['20261121T000003Z-1f0c2a9b']
    const [job] = buildMaskCronJobs({
      ...{ ...rest, instance: kept as typeof instance },
      copies: copies.map(({ copy, store }) => ({
        copy,
        store: { ...store, spec: { ...store.spec, s3: undefined, ...place } as NamedStore['spec'] },
        wanted,
      })),
    })
    const { spec } = (job as unknown as { spec: { jobTemplate: { spec: { template: { spec: PodShape } } } } }).spec.jobTemplate.spec
      .template
    const [prune, ...others] = spec.containers

    expect(spec.initContainers.map(({ name }) => name).slice(-1)).toEqual(['mask'])
    expect(others).toEqual([])
    expect(prune?.args).toEqual(['prune', '--daily', 'P30D', '--before-migration', 'P30D', '--keep', ...wanted])
    const text = JSON.stringify(prune?.env)
    expect(text).toContain('TARGET_STORE_NAME')
    expect(text).not.toMatch(/"STORE_|"SECOND_STORE_|IDENTITY|writer/)
  })

  it('deletes nothing with credentials that write', () => {
    const text = JSON.stringify(
      buildMaskCronJobs({
        ...inputOf(),
        copies: inputOf().copies.map(({ copy, store }) => ({ copy, store: { ...store, spec: { ...store.spec, s3: bucket } } })),
      }),
    )

    expect(text).not.toContain('"prune"')
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

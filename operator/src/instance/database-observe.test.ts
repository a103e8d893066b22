import { describe, expect, it } from 'vitest'
import type { Job, StatefulSet } from '../api/objects.ts'
import { effectivePolicy } from '../api/policy.ts'
import { annotations } from '../api/labels.ts'
import { observeDatabase, type DatabaseView } from './database-observe.ts'
import { databaseTemplateHash } from './resources/database-set.ts'
import { samples } from './resources/sample-instances.ts'

const { instance } = samples['built-in-postgres']
const policy = effectivePolicy(instance.spec)
const view: DatabaseView = {
  instance,
  policy,
  secretHash: 'cafe',
  set: undefined,
  pods: [],
  jobs: [],
  asleep: undefined,
  clientsGone: false,
}
const image = 'registry.example/postgres:17.6'
const hash = databaseTemplateHash({ instance, policy, engine: 'PostgreSQL', image, secretHash: 'cafe', replicas: 1 })
const ready: StatefulSet = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'notes-database' },
  spec: {
    replicas: 1,
    template: { metadata: { annotations: { [annotations.templateHash]: hash } }, spec: { containers: [{ name: 'database', image }] } },
  },
  status: { readyReplicas: 1, updatedReplicas: 1 },
}
const job = (conditions: readonly { type: string; status: string }[]): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'notes-r1-expand' },
  spec: { template: { spec: { containers: [] } } },
  status: { conditions },
})

describe('observeDatabase', () => {
  it('is nothing where somebody else runs the database', () => {
    const external = samples.production.instance

    expect(observeDatabase({ ...view, instance: external, policy: effectivePolicy(external.spec) })).toBeUndefined()
  })

  it('holds app and Jobs until the server is ready', () => {
    expect(observeDatabase(view)).toMatchObject({ holds: true, problems: [] })
    expect(observeDatabase({ ...view, set: ready })).toMatchObject({ holds: false, state: { type: 'Ready' } })
  })

  it.each<[string, Partial<DatabaseView>, number]>([
    ['awake', {}, 1],
    ['asleep, with pods of the app', { asleep: 'by hand' }, 1],
    ['asleep, with a Job that runs', { asleep: 'by hand', clientsGone: true, jobs: [job([])] }, 1],
    ['asleep, with a Job that has ended', { asleep: 'by hand', clientsGone: true, jobs: [job([{ type: 'Failed', status: 'True' }])] }, 0],
    ['asleep, alone', { asleep: 'by hand', clientsGone: true }, 0],
  ])('%s', (_what, more, replicas) => {
    const seen = observeDatabase({ ...view, set: ready, ...more })

    expect(seen?.input?.replicas).toBe(replicas)
    expect(seen?.holds).toBe(false)
  })

  it('leaves the server alone while its Secret cannot be read', () => {
    expect(observeDatabase({ ...view, set: ready, secretHash: undefined })).toMatchObject({ input: undefined, holds: false })
  })

  it('keeps the image that runs where the spec asks for another major version, and says so', () => {
    const wanted = {
      ...policy,
      database: { image: 'registry.example/postgres:18', resources: policy.database?.resources ?? { requests: {}, limits: {} } },
    }

    const seen = observeDatabase({ ...view, policy: wanted, set: ready })

    expect(seen?.input?.image).toBe(image)
    expect(seen?.problems).toEqual([expect.objectContaining({ reason: 'DatabaseMajorUpgrade' })])
  })
})

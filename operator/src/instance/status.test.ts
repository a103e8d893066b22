import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { InstanceSpec, NotejamInstance, Operation } from '../api/notejam.ts'
import type { Deployment } from '../api/objects.ts'
import { effectivePolicy } from '../api/policy.ts'
import { conditionReasons } from '../api/reasons.ts'
import type { JobState } from './job-state.ts'
import type { ReleasePlan, Stall } from './release/types.ts'
import { sampleInstance, samples } from './resources/sample-instances.ts'
import type { RolloutState } from './rollout.ts'
import { computeStatus, type StatusInput } from './status.ts'

const spec: InstanceSpec = samples.test.instance.spec
const now = Date.parse('2026-03-01T12:00:00Z')
const current = { id: 'r1', image: spec.image, schemaVersion: '7' }
const settled: ReleasePlan = {
  release: { counter: 1, current },
  operation: undefined,
  identity: undefined,
  verifiedImages: [],
  job: 'Leave',
  backup: 'Leave',
  stopApp: false,
  wait: undefined,
  wakeAt: undefined,
  deploy: { image: spec.image, release: current },
  stall: undefined,
  events: [],
}
const operation = (step: Operation['step']): Operation => ({
  id: 'r2',
  version: 1,
  type: 'Release',
  step,
  startTime: '2026-03-01T11:59:00Z',
})
const target = { id: 'r2', image: 'registry.example/notejam:2' }
const during = (step: Operation['step']): ReleasePlan => ({
  ...settled,
  operation: operation(step),
  release: { ...settled.release, target },
})
const first: ReleasePlan = { ...settled, release: { counter: 1, target }, operation: operation('Migrating'), deploy: undefined }
const progressing: RolloutState = { type: 'Progressing', degraded: false, message: '1 of 3 pods are available' }
const problem: Stall = { reason: 'SecretNotFound', message: 'Secret notes-db is not there' }

const deployment = (availableReplicas: number): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'notes' },
  spec: { template: { spec: { containers: [] } } },
  status: { replicas: availableReplicas, readyReplicas: availableReplicas, availableReplicas },
})

function input(more: Partial<StatusInput> = {}, changes: Partial<InstanceSpec> = {}, metadata: object = {}): StatusInput {
  const sample = sampleInstance({ ...spec, ...changes })
  const instance: NotejamInstance = { ...sample, metadata: { ...sample.metadata, ...metadata } }
  return {
    instance,
    policy: effectivePolicy(instance.spec),
    plan: settled,
    job: { type: 'Absent' },
    rollout: { type: 'Complete' },
    deployment: deployment(1),
    scaling: { by: 'operator', replicas: 1 },
    autoscaler: undefined,
    asleep: undefined,
    problems: [],
    database: undefined,
    waitsFor: [],
    pending: [],
    children: [],
    now,
    ...more,
  }
}

const builtIn: Partial<InstanceSpec> = { database: { type: 'PostgreSQL', builtIn: {} } }

type Conditions = Readonly<Record<string, string>>

/** `status reason`, by condition. */
function conditionsOf(seen: StatusInput): Conditions {
  const { conditions = [] } = computeStatus(seen)
  return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]))
}

/**
 * How kstatus reads an object of ours (sigs.k8s.io/cli-utils, pkg/kstatus: generation, Reconciling and Stalled first, then Ready).
 */
function kstatus({ instance }: StatusInput, conditions: Conditions, observedGeneration: number | undefined): string {
  if (instance.metadata.deletionTimestamp !== undefined) return 'Terminating'
  if (observedGeneration !== instance.metadata.generation) return 'InProgress'
  if (conditions['Reconciling']?.startsWith('True') === true) return 'InProgress'
  if (conditions['Stalled']?.startsWith('True') === true) return 'Failed'
  return conditions['Ready']?.startsWith('True') === true ? 'Current' : 'InProgress'
}

describe('computeStatus', () => {
  it.each<[string, StatusInput, Conditions, string]>([
    [
      'serving',
      input(),
      {
        Ready: 'True Serving',
        Reconciling: 'False Idle',
        Stalled: 'False None',
        Available: 'True MinimumReplicas',
        SchemaCurrent: 'True AtTarget',
      },
      'Current',
    ],
    [
      'the first release',
      input({ plan: first, rollout: undefined, deployment: undefined, job: { type: 'Running' } }, { image: target.image }),
      { Ready: 'Unknown Starting', Reconciling: 'True Migrating', Available: 'False BelowMinimum', SchemaCurrent: 'False Migrating' },
      'InProgress',
    ],
    [
      'a built-in database that starts',
      input(
        {
          plan: { ...first, operation: undefined },
          rollout: undefined,
          deployment: undefined,
          database: { holds: true, state: { type: 'Starting', message: 'soon' } },
        },
        builtIn,
      ),
      { Ready: 'Unknown Starting', Reconciling: 'True Waiting', DatabaseReachable: 'False ServerStarting' },
      'InProgress',
    ],
    [
      'a built-in database that does not come back',
      input(
        {
          problems: [{ reason: 'DatabaseFailed', message: 'no room' }],
          database: { holds: true, state: { type: 'Failed', stall: { reason: 'DatabaseFailed', message: 'no room' } } },
        },
        builtIn,
      ),
      { Ready: 'False DatabaseFailed', Stalled: 'True DatabaseFailed', DatabaseReachable: 'False ServerFailed' },
      'Failed',
    ],
    [
      'a built-in database that sleeps with its instance',
      input({ asleep: 'by hand', database: { holds: false, state: { type: 'Stopped' } }, deployment: deployment(0) }, builtIn),
      { Ready: 'True Hibernated', DatabaseReachable: 'False ServerStopped' },
      'Current',
    ],
    [
      'a later release that migrates while the one before serves',
      input({ plan: during('Migrating') }, { image: target.image }),
      { Ready: 'Unknown Updating', Reconciling: 'True Migrating', Available: 'True MinimumReplicas', SchemaCurrent: 'False Behind' },
      'InProgress',
    ],
    [
      'a roll-out',
      input({ plan: during('RollingOut'), rollout: progressing }, { image: target.image }),
      { Ready: 'Unknown Updating', Reconciling: 'True RollingOut', SchemaCurrent: 'True AtTarget' },
      'InProgress',
    ],
    [
      'a roll-back',
      input({ plan: during('RollingBack'), rollout: progressing }, { image: target.image }),
      { Reconciling: 'True RollingBack' },
      'InProgress',
    ],
    [
      'other changes of the pods',
      input({ rollout: { type: 'NotApplied' } }),
      { Ready: 'Unknown Updating', Reconciling: 'True RollingOut', SchemaCurrent: 'True AtTarget' },
      'InProgress',
    ],
    [
      'a lost pod',
      input({ rollout: { ...progressing, degraded: true } }),
      { Ready: 'False Degraded', Reconciling: 'False Idle', Stalled: 'False None' },
      'InProgress',
    ],
    [
      'something missing',
      input({ problems: [problem], rollout: progressing }),
      { Ready: 'False SecretNotFound', Reconciling: 'False Idle', Stalled: 'True SecretNotFound' },
      'Failed',
    ],
    [
      'a release given up',
      input({ plan: { ...settled, stall: { reason: 'MigrationFailed', message: 'exit code 1' } } }, { image: target.image }),
      { Ready: 'False MigrationFailed', Stalled: 'True MigrationFailed', Available: 'True MinimumReplicas', SchemaCurrent: 'False Behind' },
      'Failed',
    ],
    [
      'changed pods that do not come up',
      input({ rollout: { type: 'Failed', reason: 'RolloutCrashed', message: 'Pod a ended' } }),
      { Ready: 'False RolloutCrashed', Stalled: 'True RolloutCrashed' },
      'Failed',
    ],
    [
      'an earlier instance of the name',
      input({ waitsFor: ['Deployment notes'], plan: { ...first, operation: undefined, release: {} }, rollout: undefined }),
      { Ready: 'Unknown Starting', Reconciling: 'True Waiting' },
      'InProgress',
    ],
    ['a pause', input({}, { managementPolicy: 'Paused' }), { Ready: 'True Serving', Paused: 'True ByPolicy' }, 'Current'],
    [
      'a pause with something to change',
      input({ pending: ['Deployment notes'] }, { managementPolicy: 'Paused' }),
      { Ready: 'Unknown Paused', Reconciling: 'False Idle', Paused: 'True PendingChanges' },
      'InProgress',
    ],
    [
      'zero replicas',
      input({ deployment: deployment(0) }, { replicas: 0 }),
      { Ready: 'True ScaledToZero', Available: 'False ScaledToZero' },
      'Current',
    ],
    [
      'sleep',
      input({ deployment: deployment(0), asleep: 'spec.runPolicy is Hibernated', policy: { ...input().policy, replicas: 0 } }),
      { Ready: 'True Hibernated', Reconciling: 'False Idle', Available: 'False ScaledToZero' },
      'Current',
    ],
    [
      'sleep from the beginning',
      input({ plan: { ...settled, release: {}, deploy: undefined }, rollout: undefined, deployment: undefined, asleep: 'it sleeps' }),
      { Ready: 'True Hibernated', Reconciling: 'False Idle', SchemaCurrent: 'False Behind' },
      'Current',
    ],
    [
      'its deletion',
      input({}, {}, { deletionTimestamp: '2026-03-01T12:00:00Z' }),
      { Ready: 'Unknown Deleting', Reconciling: 'True Deleting' },
      'Terminating',
    ],
  ])('%s', (_what, seen, expected, forKstatus) => {
    const conditions = conditionsOf(seen)

    expect(conditions).toMatchObject(expected)
    expect(kstatus(seen, conditions, computeStatus(seen).observedGeneration)).toBe(forKstatus)
  })

  const jobs: readonly JobState[] = [
    { type: 'Absent' },
    { type: 'Pending' },
    { type: 'Running' },
    { type: 'Succeeded', identity: { instanceUID: 'u', environment: 'Test', fingerprint: 'f' } },
    { type: 'Failed', reason: 'MigrationFailed', message: 'm' },
  ]
  const anyInput = fc
    .record({
      plan: fc.constantFrom(settled, first, during('Migrating'), during('Withdrawing'), during('RollingOut'), during('RollingBack')),
      stall: fc.constantFrom(undefined, problem),
      job: fc.constantFrom<JobState>(...jobs),
      rollout: fc.constantFrom<RolloutState | undefined>(
        undefined,
        { type: 'NotApplied' },
        { type: 'Complete' },
        progressing,
        { ...progressing, degraded: true },
        { type: 'Failed', reason: 'RolloutCrashed', message: 'm' },
      ),
      count: fc.nat(3),
      problems: fc.subarray([problem]),
      waitsFor: fc.subarray(['Deployment notes']),
      pending: fc.subarray(['Service notes']),
      paused: fc.boolean(),
      image: fc.constantFrom(spec.image, target.image),
      replicas: fc.constantFrom(0, 1, 3),
      deleted: fc.boolean(),
    })
    .map(({ plan, stall, count, paused, image, replicas, deleted, ...more }) =>
      input(
        { ...more, plan: { ...plan, stall }, deployment: deployment(count) },
        { image, replicas, managementPolicy: paused ? 'Paused' : 'Managed' },
        deleted ? { deletionTimestamp: '2026-03-01T12:00:00Z' } : {},
      ),
    )

  it('keeps to its rules whatever it is given', () => {
    fc.assert(
      fc.property(anyInput, (seen) => {
        const status = computeStatus(seen)
        const conditions = conditionsOf(seen)
        const is = (type: string, value: string) => conditions[type]?.startsWith(value) === true

        expect(is('Stalled', 'True') && is('Reconciling', 'True')).toBe(false)
        if (is('Reconciling', 'True')) expect(is('Ready', 'Unknown')).toBe(true)
        if (is('Stalled', 'True')) expect(is('Ready', 'False')).toBe(true)
        if (is('Ready', 'True')) expect(is('Stalled', 'False') && is('Reconciling', 'False')).toBe(true)
        for (const { type, reason, message, observedGeneration } of status.conditions ?? []) {
          expect(Object.keys(conditionReasons[type as 'Ready'])).toContain(reason)
          expect(message).toMatch(/./)
          expect(observedGeneration).toBe(1)
        }
        const again = computeStatus({ ...seen, instance: { ...seen.instance, status }, now: now + 60_000 })
        expect(again).toEqual(status)
      }),
      { numRuns: 500 },
    )
  })

  it('holds the mark of the database', () => {
    const identity = { instanceUID: 'u', environment: 'Test', fingerprint: 'f' }

    const status = computeStatus(input({ plan: { ...settled, identity } }))

    expect(status.databaseIdentity).toEqual(identity)
  })

  it('lists what it keeps in one order, whatever order it was found in', () => {
    const child = (kind: string) => ({ apiVersion: 'v1', kind, metadata: { name: 'notes', uid: kind } })

    const status = computeStatus(input({ children: [child('Service'), child('Deployment')] }))

    expect(status.inventory?.map(({ kind }) => kind)).toEqual(['Deployment', 'Service'])
  })
})

import { describe, expect, it } from 'vitest'
import type { InstanceStatus, NotejamInstance } from '../api/notejam.ts'
import { keyOf } from '../kube/object.ts'
import { PassMemory } from './pass-memory.ts'
import type { ReleasePlan } from './release/types.ts'
import { sampleInstance, samples } from './resources/sample-instances.ts'
import type { SecretsState } from './secrets.ts'

const { spec } = samples.development.instance
const usable: SecretsState = {
  own: [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'team', uid: 'secret', resourceVersion: '7' } }],
  databaseHash: undefined,
  hash: 'hash',
  connection: undefined,
  address: 'address',
  mail: undefined,
  problems: [],
  outlived: [],
}

function withStatus(status: InstanceStatus, uid = 'one'): NotejamInstance {
  const sample = sampleInstance(spec)
  return { ...sample, metadata: { ...sample.metadata, uid }, status }
}

const atRest = withStatus({ release: { current: { id: 'r1', image: spec.image } } })

describe('Secrets in memory', () => {
  it.each<[string, NotejamInstance, boolean]>([
    ['at rest', atRest, true],
    ['before the first release', withStatus({}), false],
    ['with another image to release', withStatus({ release: { current: { id: 'r1', image: 'other' } } }), false],
    [
      'while a release is under way',
      withStatus({
        ...atRest.status,
        operation: { id: 'r2', type: 'Release', step: 'Migrating', startTime: '2026-01-01T00:00:00Z' },
      } as InstanceStatus),
      false,
    ],
    ['of a new instance of the same name', withStatus(atRest.status ?? {}, 'two'), false],
  ])('%s', (_what, instance, isKnown) => {
    const memory = new PassMemory()
    memory.readSecrets(atRest, usable, 0)

    expect(memory.secretsFor(instance)?.hash).toBe(isKnown ? 'hash' : undefined)
  })

  it('are not kept while anything is wrong with them', () => {
    const memory = new PassMemory()
    memory.readSecrets(atRest, usable, 0)
    memory.readSecrets(atRest, { ...usable, hash: undefined, problems: [{ reason: 'SecretNotFound', message: '' }] }, 1)

    expect(memory.secretsFor(atRest)).toBeUndefined()
  })

  it('are as good as new for a second', () => {
    const memory = new PassMemory()
    memory.readSecrets(atRest, usable, 5000)

    expect([memory.hasFreshSecrets(atRest, 5999), memory.hasFreshSecrets(atRest, 6000)]).toEqual([true, false])
  })

  it('and everything else are gone with the instance', () => {
    const memory = new PassMemory()
    memory.readSecrets(atRest, usable, 0)
    memory.leaveReport(atRest, true)
    memory.forget(keyOf(atRest))

    expect([memory.secretsFor(atRest), memory.isReportDue(atRest)]).toEqual([undefined, false])
  })
})

describe('a step that the next pass writes down', () => {
  const migrating = withStatus({ observedGeneration: 1, operation: { id: 'r1', type: 'Release', step: 'Migrating' } } as InstanceStatus)
  const plan = { release: { counter: 1 }, operation: { id: 'r1', type: 'Release', step: 'RollingOut' } } as ReleasePlan

  function left(): PassMemory {
    const memory = new PassMemory()
    memory.leaveReport(migrating, true)
    memory.leaveJournal(migrating, plan)
    return memory
  }

  it('is part of the status', () => {
    expect(left().withJournal(migrating).status).toEqual({ observedGeneration: 1, release: { counter: 1 }, operation: plan.operation })
  })

  it.each<[string, NotejamInstance]>([
    ['another process went on meanwhile', withStatus({ release: { current: { id: 'r1', image: 'other' } } })],
    ['the instance is another one', withStatus(migrating.status ?? {}, 'two')],
  ])('is forgotten when %s', (_what, instance) => {
    const memory = left()

    expect(memory.withJournal(instance)).toBe(instance)
    expect(memory.withJournal(migrating)).toBe(migrating)
  })

  it('is forgotten once it is written', () => {
    const memory = left()
    memory.leaveReport(migrating, false)

    expect(memory.withJournal(migrating)).toBe(migrating)
  })
})

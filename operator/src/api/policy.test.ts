import { describe, expect, it } from 'vitest'
import type { InstanceSpec } from './notejam.ts'
import { effectivePolicy } from './policy.ts'

const spec = (more: Partial<InstanceSpec> = {}): InstanceSpec => ({
  environment: 'Test',
  image: 'notejam:1',
  database: { type: 'SQLite', sqlite: { storage: {} } },
  ...more,
})

describe('effectivePolicy', () => {
  it('has an answer to everything that a spec may leave out', () => {
    expect(effectivePolicy(spec())).toEqual({
      replicas: 1,
      mostReplicas: 1,
      releaseStrategy: 'Upgrade',
      rolloutStrategy: 'Recreate',
      storageSize: '1Gi',
      resources: { requests: { cpu: '100m', memory: '160Mi' }, limits: { memory: '320Mi' } },
      migrationDeadlineSeconds: 1800,
      minReadySeconds: 5,
      progressDeadlineSeconds: 300,
      drainSeconds: 25,
    })
  })

  it.each([
    [
      'a limit alone is the request too',
      { limits: { memory: '64Mi' } },
      { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '64Mi' } },
    ],
    ['a request alone has no default limit', { requests: { memory: '1Gi' } }, { requests: { cpu: '100m', memory: '1Gi' }, limits: {} }],
    ['numbers become text', { requests: { cpu: 2 } }, { requests: { cpu: '2', memory: '160Mi' }, limits: { memory: '320Mi' } }],
  ])('%s', (_title, resources, expected) => {
    expect(effectivePolicy(spec({ resources })).resources).toEqual(expected)
  })

  it.each([
    ['nothing without an ingress', { http: { hosts: ['a.example'] } }, undefined],
    ['http without TLS', { http: { hosts: ['a.example', 'b.example'], ingress: {} } }, 'http://a.example'],
    ['https with TLS', { http: { hosts: ['a.example'], ingress: { tls: { secretRef: { name: 's' } } } } }, 'https://a.example'],
    [
      'what was given',
      { http: { hosts: ['a.example'], ingress: {} }, app: { publicURL: 'http://a.example:8080/' } },
      'http://a.example:8080',
    ],
  ])('the public URL is %s', (_title, more, expected) => {
    expect(effectivePolicy(spec(more)).publicURL).toBe(expected)
  })

  it('leaves a given claim as it is', () => {
    const policy = effectivePolicy(spec({ database: { type: 'SQLite', sqlite: { storage: { existingClaim: 'mine' } } } }))

    expect(policy.storageSize).toBeUndefined()
  })
})

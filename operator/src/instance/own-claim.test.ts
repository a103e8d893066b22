import { describe, expect, it } from 'vitest'
import type { NotejamInstance } from '../api/notejam.ts'
import { effectivePolicy } from '../api/policy.ts'
import type { KubeObject, ObjectKey } from '../kube/object.ts'
import type { CacheReader } from '../runtime/cache.ts'
import { findLeavingClaim, findOwnClaim, holdsOwnClaim } from './own-claim.ts'
import { buildClaim } from './resources/claim.ts'

function instanceOf(storage: object, deletionPolicy?: string): NotejamInstance {
  const spec = {
    ...{ environment: 'Test', image: 'registry.example/notejam:1', database: { type: 'SQLite', sqlite: { storage } } },
    ...(deletionPolicy === undefined ? {} : { deletionPolicy }),
  }
  return {
    ...{ apiVersion: 'notejam.io/v1', kind: 'NotejamInstance', metadata: { name: 'notes', namespace: 'team', uid: 'mine' } },
    spec,
  } as unknown as NotejamInstance
}

function claim(metadata: object = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'notes-data', namespace: 'team', ...metadata } }
}

function cacheOf(object: KubeObject): CacheReader {
  return {
    get: (_resource: unknown, { name }: ObjectKey) => (name === object.metadata.name ? object : undefined),
  } as unknown as CacheReader
}

const ownedBy = (uid: string) => ({
  ownerReferences: [{ apiVersion: 'notejam.io/v1', kind: 'NotejamInstance', name: 'notes', uid, controller: true }],
})
const heldBy = (uid: string) => ({ annotations: { 'notejam.io/owner': uid } })

describe('the claim of an instance', () => {
  it.each([
    [undefined, false],
    ['Delete', false],
    ['Retain', true],
    ['BackupThenDelete', true],
  ])('with the policy %s is out of reach of the garbage collector: %s', (policy, isHeld) => {
    const instance = instanceOf({ size: '1Gi' }, policy)

    const built = buildClaim({ instance, policy: effectivePolicy(instance.spec) })

    expect(holdsOwnClaim(instance)).toBe(isHeld)
    expect(built?.metadata.ownerReferences === undefined).toBe(isHeld)
  })

  it.each<[string, object, boolean]>([
    ['that it owns', ownedBy('mine'), true],
    ['that is kept for it', heldBy('mine'), true],
    ['that an earlier instance owns', ownedBy('earlier'), false],
    ['that is kept for an earlier instance', heldBy('earlier'), false],
    ['that outlived an instance, or that a person made', {}, false],
    ['that belongs to another owner, whatever is noted on it', { ...ownedBy('other'), ...heldBy('mine') }, false],
  ])('is one %s: %s', (_what, metadata, isOwn) => {
    expect(findOwnClaim(instanceOf({ size: '1Gi' }), cacheOf(claim(metadata))) !== undefined).toBe(isOwn)
  })

  it('is waited for while it goes with an earlier instance', () => {
    const going = { deletionTimestamp: '2026-11-22T00:00:00Z' }
    const leaving = (metadata: object) => findLeavingClaim(instanceOf({ size: '1Gi' }), cacheOf(claim(metadata))) !== undefined

    expect(leaving({ ...heldBy('earlier'), ...going })).toBe(true)
    expect(leaving({ ...heldBy('mine'), ...going })).toBe(false)
    expect(leaving(heldBy('earlier'))).toBe(false)
  })
})

describe('a claim that somebody gives', () => {
  it.each(['Delete', 'Retain', 'BackupThenDelete'])('is neither made nor taken, under the name of our own as well: %s', (policy) => {
    const instance = instanceOf({ existingClaim: 'notes-data' }, policy)

    expect(buildClaim({ instance, policy: effectivePolicy(instance.spec) })).toBeUndefined()
    expect(findOwnClaim(instance, cacheOf(claim({ labels: { 'app.kubernetes.io/managed-by': 'notejam-operator' } })))).toBeUndefined()
  })
})

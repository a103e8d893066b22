import { describe, expect, it } from 'vitest'
import type { NotejamInstance } from '../api/notejam.ts'
import { findUnfit, wantedCopies, type CopyEvidence } from './masked-copies.ts'
import type { NamedStore } from './resources/store-pod.ts'

const bucket = (name: string, more: object = {}) => ({
  endpoint: 'https://s3.example.org',
  bucket: name,
  credentialsSecretRef: { name: 'keys' },
  ...more,
})
const first: NamedStore = {
  name: 'offsite',
  spec: { s3: bucket('notes'), encryption: { recipients: ['age1daily', 'age1offline'], identitySecretRef: { name: 'age' } } },
}
const second: NamedStore = { name: 'other', spec: { volume: { claimName: 'archives' }, encryption: { recipients: ['age1second'] } } }
const store: NamedStore = {
  name: 'for-test',
  spec: { s3: bucket('notes', { prefix: 'masked' }), encryption: { recipients: ['age1test'] } },
}
const evidence = (more: Partial<CopyEvidence> = {}): CopyEvidence => ({
  copy: { name: 'test', storeRef: { name: 'for-test' }, recipients: ['age1test'], schedule: '0 5 * * 0' },
  store,
  stores: { first, second },
  timeZone: 'Europe/Kyiv',
  now: Date.parse('2026-11-21T00:00:00Z'),
  ...more,
})
const copyFor = (...recipients: string[]) => ({ ...evidence().copy, recipients })

describe('findUnfit', () => {
  it('finds nothing in a copy for others in a place of its own', () => {
    expect(findUnfit(evidence())).toBeUndefined()
  })

  it.each<[string, Partial<CopyEvidence>, string]>([
    [
      'archives that cannot be read here',
      { stores: { first: { ...first, spec: { ...first.spec, encryption: { recipients: ['age1daily'] } } }, second } },
      'no encryption.identitySecretRef',
    ],
    ['a recipient who could open the originals', { copy: copyFor('age1test', 'age1offline') }, 'age1offline opens the archives in'],
    ['one who could open those of the second store', { copy: copyFor('age1second') }, 'NotejamBackupStore other'],
    ['the place of the backups', { store: { ...store, spec: { ...store.spec, s3: bucket('notes') } } }, 'is the place of offsite'],
    ['the volume of the second store', { store: { ...second, name: 'for-test' } }, 'is the place of other'],
    ['a schedule that nobody can read', { copy: { ...evidence().copy, schedule: '61 5 * * 0' } }, '61'],
    ['a zone that is none', { timeZone: 'Mars/Olympus' }, 'Mars/Olympus'],
  ])('finds %s', (_what, more, expected) => {
    expect(findUnfit(evidence(more))).toContain(expected)
  })
})

describe('wantedCopies', () => {
  it('are those that others name to begin with, of this very instance', () => {
    const production = { metadata: { name: 'notes', namespace: 'prod', uid: 'u1' } } as NotejamInstance
    const seededFrom = (instance: string, backupID?: string) =>
      ({ spec: { seed: { from: { instance, backupID } } } }) as unknown as NotejamInstance

    const wanted = wantedCopies(production, [
      seededFrom('prod/notes', 'b'),
      seededFrom('prod/notes/u1', 'a'),
      seededFrom('prod/notes', 'b'),
      seededFrom('prod/notes', 'Latest'),
      seededFrom('prod/notes'),
      seededFrom('prod/notes/u0', 'of an earlier one'),
      seededFrom('prod/other', 'c'),
      { spec: {} } as NotejamInstance,
    ])

    expect(wanted).toEqual(['a', 'b'])
  })
})

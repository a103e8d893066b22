import { describe, expect, test } from 'vitest'
import { catalogReport } from './catalog-report.ts'
import { describeArchive, sortListing, type ArchiveFolder } from './catalog.ts'
import { ownerPrefix } from './layout.ts'
import { formatManifest, parseManifest, type Manifest } from './manifest.ts'
import type { Verification } from './verification.ts'

const owner = { namespace: 'notejam-prod', instance: 'notes', instanceUid: 'uid-1' }
const prefix = ownerPrefix(owner)
const id = (n: number) => `20261121T0000${String(n).padStart(2, '0')}Z-0000abcd`
const time = (n: number) => new Date(Date.UTC(2026, 10, 21, 0, 0, n))

const manifestOf = (backupID: string): Manifest => ({
  formatVersion: 1,
  backupID,
  uid: '11111111-2222-3333-4444-555555555555',
  reason: 'Scheduled',
  instance: { namespace: owner.namespace, name: owner.instance, uid: owner.instanceUid },
  engine: 'postgres',
  engineVersion: '17.6',
  schemaVersion: 4,
  version: '0.1.0',
  startTime: time(0).toISOString(),
  completionTime: time(30).toISOString(),
  encryption: 'None',
  recipients: [],
  compression: 'zstd',
  format: 'pg_dump-custom',
  objects: [{ name: 'data', sizeBytes: 10, sha256: 'a'.repeat(64) }],
  content: { sizeBytes: 20, sha256: 'b'.repeat(64) },
  tables: [],
})

const object = (key: string, size = 10, modified = time(40)) => ({ key: prefix + key, size, modified })
const archive = (n: number) => [object(`${id(n)}/data`), object(`${id(n)}/manifest.json`, 5)]

describe('a listing', () => {
  test('is sorted into archives, newest first, what was cut off, and what is not ours', () => {
    const listing = sortListing(owner, [
      ...archive(1),
      ...archive(3),
      object(`${id(2)}/data.age`, 7, time(50)),
      object('erased.json', 3),
      object('notes.txt', 100, time(59)),
      object(`${id(1)}/mine.txt`, 100),
      object(`${id(1)}/deeper/data`, 100),
      object('20261341T000000Z-0000abcd/data', 100),
    ])

    expect(listing.complete.map(({ backupId }) => backupId)).toEqual([id(3), id(1)])
    expect(listing.complete[0]).toMatchObject({ startTime: time(3), sizeBytes: 15, lastModified: time(40) })
    expect(listing.incomplete.map(({ backupId }) => backupId)).toEqual([id(2)])
    expect(listing.foreign).toHaveLength(4)
    expect(listing.usageBytes).toBe(15 + 15 + 7 + 3)
  })

  test('of nothing is empty', () => {
    expect(sortListing(owner, [])).toEqual({ complete: [], incomplete: [], foreign: [], usageBytes: 0 })
  })
})

describe('an archive', () => {
  const [folder] = sortListing(owner, archive(1)).complete as [ArchiveFolder]
  const verified: Verification = { backupID: id(1), outcome: 'Verified', time: time(50).toISOString(), durationSeconds: 3 }

  test('is whole when its manifest fits its folder', () => {
    expect(describeArchive(folder, formatManifest(manifestOf(id(1))), verified)).toMatchObject({
      ...{ problem: undefined, held: false, verification: verified },
      manifest: { backupID: id(1) },
    })
  })

  test.each<[string, string, RegExp]>([
    ['that is cut short', formatManifest(manifestOf(id(1))).slice(0, -20), /^it is not JSON$/],
    ['that is empty', '', /^it is not JSON$/],
    ['of something else', '{"hello": "world"}', /^formatVersion: /],
    ['of a newer version', JSON.stringify({ ...manifestOf(id(1)), formatVersion: 2 }), /^formatVersion: /],
    ['of another backup', formatManifest(manifestOf(id(2))), /is that of 20261121T000002Z/],
    [
      'of more data',
      formatManifest({ ...manifestOf(id(1)), objects: [{ name: 'data', sizeBytes: 11, sha256: 'a'.repeat(64) }] }),
      /10 bytes instead of 11/,
    ],
    [
      'of other data',
      formatManifest({ ...manifestOf(id(1)), objects: [{ name: 'data.age', sizeBytes: 10, sha256: 'a'.repeat(64) }] }),
      /data.age is not there/,
    ],
  ])('with a manifest %s is named as broken', (_name, text, problem) => {
    const entry = describeArchive(folder, text, undefined)

    expect(entry.manifest).toBeUndefined()
    expect(entry.problem).toMatch(problem)
  })

  test('is not verified by the record of another', () => {
    expect(describeArchive(folder, formatManifest(manifestOf(id(1))), { ...verified, backupID: id(2) }).verification).toBeUndefined()
  })
})

describe('a manifest', () => {
  test('that nobody could read back is not written', () => {
    expect(() => formatManifest({ ...manifestOf(id(1)), backupID: 'latest' })).toThrow()
    expect(() => formatManifest({ ...manifestOf(id(1)), objects: [] })).toThrow()
  })

  test('says the same when it is read back, whatever a later version added', () => {
    const manifest = manifestOf(id(1))

    expect(parseManifest(formatManifest(manifest))).toEqual({ manifest })
    expect(parseManifest(JSON.stringify({ ...manifest, later: true }))).toEqual({ manifest })
  })
})

describe('the report', () => {
  const listing = sortListing(owner, Array.from({ length: 60 }, (_, n) => archive(n)).flat())
  const entries = listing.complete.map((folder) => describeArchive(folder, formatManifest(manifestOf(folder.backupId)), undefined))

  test('counts everything and describes as many of the newest as fit', () => {
    const report = catalogReport({ listing, entries, newestVerified: time(7), maxBytes: 4000 })

    expect(report).toMatchObject({
      outcome: 'Listed',
      storedCount: 60,
      usageBytes: 900,
      newest: time(59).toISOString(),
      oldest: time(0).toISOString(),
    })
    expect(Buffer.byteLength(JSON.stringify(report))).toBeLessThanOrEqual(4000)
    expect(report.backups.length).toBeGreaterThan(10)
    expect(report.backups.map(({ backupID }) => backupID)).toEqual(
      entries.slice(0, report.backups.length).map(({ folder }) => folder.backupId),
    )
  })

  test('names what is broken', () => {
    const broken = listing.complete.slice(0, 7).map((folder) => describeArchive(folder, 'x', undefined))

    expect(catalogReport({ listing, entries: broken, newestVerified: undefined, maxBytes: 4000 })).toMatchObject({
      brokenCount: 7,
      broken: Array.from({ length: 5 }, (_, n) => ({ backupID: id(59 - n), problem: 'it is not JSON' })),
    })
  })
})

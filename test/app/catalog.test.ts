import { afterAll, beforeAll, expect, test } from 'vitest'
import { archiveKey, ownerPrefix } from '../../app/src/archive/layout.ts'
import { notejam } from './notejam.ts'
import { startObjectStore, type ObjectStore } from './object-store.ts'
import { openSampleBucket, openSampleFolder, putArchive, sampleOwner as owner } from './sample-archives.ts'

const owned = { NOTEJAM_NAMESPACE: owner.namespace, NOTEJAM_INSTANCE: owner.instance, NOTEJAM_INSTANCE_UID: owner.instanceUid }
const at = (day: number) => new Date(Date.UTC(2026, 9, day, 0, 5))
const reportOf = (stdout: string) => JSON.parse(stdout) as Readonly<Record<string, unknown>>

let server: ObjectStore

beforeAll(async () => {
  server = await startObjectStore()
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

test.each([
  ['a folder', () => openSampleFolder()],
  ['a bucket', () => openSampleBucket(server)],
])('catalog lists what is in %s', async (_kind, open) => {
  await using samples = await open()
  const verified = await putArchive(samples, { time: at(1), verification: 'Verified' })
  const failed = await putArchive(samples, { time: at(2), verification: 'Failed' })
  const held = await putArchive(samples, { time: at(3), reason: 'PreMigration', held: true })
  const broken = await putArchive(samples, { time: at(4), manifestText: 'half' })
  await putArchive(samples, { time: at(5), without: ['manifest.json'] })
  await samples.put(`${ownerPrefix(owner)}notes.txt`, 'not ours', at(1))
  await samples.put(`${ownerPrefix({ ...owner, instanceUid: 'another' })}x/manifest.json`, 'not ours', at(1))

  const { code, stdout, stderr } = await notejam(['catalog'], { ...owned, ...samples.environment })

  expect(code).toBe(0)
  expect(reportOf(stdout)).toMatchObject({
    ...{ command: 'catalog', outcome: 'Listed', storedCount: 4, incomplete: 1, foreignCount: 1, brokenCount: 1 },
    ...{ oldest: at(1).toISOString(), newest: at(4).toISOString(), newestVerified: at(1).toISOString() },
    broken: [{ backupID: broken, problem: 'it is not JSON' }],
    backups: [
      { backupID: broken, held: false, problem: 'it is not JSON' },
      { backupID: held, held: true, reason: 'PreMigration', engine: 'postgres', schemaVersion: 4 },
      { backupID: failed, failed: at(2).toISOString() },
      { backupID: verified, verified: at(1).toISOString() },
    ],
  })
  for (const secret of Object.values(server.credentials)) expect(stdout + stderr).not.toContain(secret)
})

test('a hundred archives are counted, and the report stays within a termination message', async () => {
  await using samples = await openSampleFolder()
  for (let day = 0; day < 100; day += 1) await putArchive(samples, { time: at(day) })

  const { stdout } = await notejam(['catalog', '--limit', '100'], { ...owned, ...samples.environment })

  expect(Buffer.byteLength(stdout)).toBeLessThanOrEqual(4096)
  expect(reportOf(stdout)).toMatchObject({ storedCount: 100 })
})

test.each<[string, Readonly<Record<string, string>>, number, string]>([
  ['a bucket that is not there', { STORE_S3_BUCKET: 'no-such-bucket' }, 7, 'there is no such bucket'],
  ['a wrong secret', { STORE_S3_SECRET_ACCESS_KEY: 'planted-secret' }, 7, 'refuses these credentials'],
  ['nobody at the endpoint', { STORE_S3_ENDPOINT: 'http://127.0.0.1:1' }, 7, 'no answer'],
  ['half of a key pair', { STORE_S3_ACCESS_KEY_ID: '' }, 2, 'go together'],
  ['an endpoint that is none', { STORE_S3_ENDPOINT: 's3.example.org' }, 2, 'must be a URL'],
  ['a private key among the recipients', { STORE_RECIPIENTS: 'AGE-SECRET-KEY-1PLANTED' }, 2, 'must list public keys'],
])('with %s it ends in one clear report', async (_name, wrong, code, message) => {
  await using samples = await openSampleBucket(server)
  await samples.put(archiveKey(owner, 'x', 'y'), 'x', at(1))

  const ended = await notejam(['catalog'], { ...owned, ...samples.environment, ...wrong })

  expect(ended.code).toBe(code)
  expect(reportOf(ended.stdout)['message']).toContain(message)
  for (const secret of ['planted-secret', 'PLANTED', ...Object.values(server.credentials)])
    expect(ended.stdout + ended.stderr).not.toContain(secret)
})

import { GetObjectRetentionCommand } from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { archiveKey } from '../../app/src/archive/layout.ts'
import { createArchiveWorld, fill, owner } from './archive-world.ts'
import { createTestDatabase, openTestDatabase } from './databases.ts'
import { startObjectStore } from './object-store.ts'

const dayMs = 86_400_000

test('a backup into a bucket with object lock is locked for as long as it is kept, listed, and left alone by a prune', async () => {
  await using world = await createArchiveWorld()
  await using server = await startObjectStore()
  const { bucket } = await server.createBucket({ objectLock: true })
  await using database = await createTestDatabase('sqlite')
  await using opened = await openTestDatabase(database)
  await fill(opened)
  const { accessKeyId, secretAccessKey } = server.credentials
  const environment = {
    STORE_PATH: '',
    STORE_S3_ENDPOINT: server.endpoint,
    STORE_S3_BUCKET: bucket,
    STORE_S3_ACCESS_KEY_ID: accessKeyId,
    STORE_S3_SECRET_ACCESS_KEY: secretAccessKey,
    RETENTION_BEFORE_MIGRATION: 'P30D',
  }

  const stored = await world.run(database, ['backup', '--reason', 'OnDemand'], environment)
  const listed = await world.run(database, ['catalog'], environment)
  const pruned = await world.run(database, ['prune'], environment)

  expect(stored.report).toMatchObject({ outcome: 'Succeeded' })
  const backupID = String(stored.report['backupID'])
  expect(listed.report).toMatchObject({ storedCount: 1, incomplete: 0, backups: [{ backupID, reason: 'OnDemand', engine: 'sqlite' }] })
  expect(pruned.report).toMatchObject({ outcome: 'Pruned', kept: 1, deleted: 0 })
  const until = Date.parse(String(stored.report['startTime'])) + 30 * dayMs
  for (const name of ['data.age', 'secret.age', 'manifest.json']) {
    const get = new GetObjectRetentionCommand({ Bucket: bucket, Key: archiveKey(owner, backupID, name) })
    const { Retention: retention } = await server.client.send(get)
    expect(retention?.Mode).toBe('GOVERNANCE')
    expect(Math.abs((retention?.RetainUntilDate?.getTime() ?? 0) - until)).toBeLessThan(1000)
  }
  for (const { stdout, stderr } of [stored, listed, pruned]) {
    for (const secret of [accessKeyId, secretAccessKey, world.secretKey]) expect(stdout + stderr).not.toContain(secret)
  }
})

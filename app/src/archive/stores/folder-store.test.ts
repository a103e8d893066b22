import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FolderStore } from './folder-store.ts'

let path: string

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'notejam-folder-'))
})

afterEach(async () => {
  await rm(path, { recursive: true })
})

describe.each(['EPERM', 'ENOTSUP', 'ENOSYS'])('on a file system that answers %s to hard links', (code) => {
  test('a manifest is created once all the same', async () => {
    const link = () => Promise.reject(Object.assign(new Error(code), { code }))
    const store = new FolderStore({ name: 'volume', path, link })

    const results = await Promise.allSettled(['one', 'two', 'three'].map((text) => store.create('a/manifest.json', text)))

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))).toEqual([
      'AlreadyThere',
      'AlreadyThere',
    ])
    expect(await readdir(join(path, '.notejam-partial'))).toEqual([])
  })
})

test('what the disk does not take is told, and nothing is seen of it', async () => {
  const link = () => Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }))
  const store = new FolderStore({ name: 'volume', path, link })

  await expect(store.create('a/manifest.json', 'text')).rejects.toMatchObject({
    ...{ code: 'StoreUnavailable', exitCode: 7, failure: 'Full' },
    message: `store volume (${path}): cannot write a/manifest.json: no space left on device`,
  })
  await expect(store.readText('a/manifest.json', 10)).rejects.toMatchObject({ code: 'ObjectNotFound' })
})

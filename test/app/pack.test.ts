import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pack, unpack, type ContentFacts } from '../../app/src/backup/pack.ts'
import { startTool } from '../../app/src/backup/child.ts'
import { createAgeKeys } from './age-keys.ts'
import { useDataTools } from './data-tools.ts'

/** Longer than all pipes between the programs hold together. */
const noise = randomBytes(3_000_000)
const { signal } = new AbortController()

describe('what an archive goes through', () => {
  let folder: string
  let keys: { readonly recipientsFile: string; readonly identityFile: string }
  const ownPath = () => process.env['PATH'] ?? ''

  beforeAll(async () => {
    await useDataTools()
    folder = await mkdtemp(path.join(tmpdir(), 'notejam-pack-'))
    const { recipient, identity } = createAgeKeys()
    keys = { recipientsFile: path.join(folder, 'recipients'), identityFile: path.join(folder, 'identity') }
    await writeFile(keys.recipientsFile, `${recipient}\n`)
    await writeFile(keys.identityFile, `${identity}\n`, { mode: 0o600 })
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it.each([
    ['encrypted', true, noise],
    ['plain', false, noise],
    ['encrypted, of nothing', true, Buffer.alloc(0)],
  ])('comes out as it went in: %s', async (_, encrypted, content) => {
    let facts: ContentFacts | undefined
    const packed = await packAll(content, encrypted ? keys.recipientsFile : undefined, (told) => (facts = told))
    const opened = await collect(unpack(only(packed), { identityFile: encrypted ? keys.identityFile : undefined, signal }))
    expect(opened.equals(content)).toBe(true)
    expect(facts?.sizeBytes).toBe(content.byteLength)
  })

  it.each([['encrypted'], ['plain']])('is no archive when compression ends before its time: %s', async (how) => {
    const instead = await standIn('zstd', 'head -c 100000; kill -KILL $$')
    await withPath(`${instead}:${ownPath()}`, async () => {
      const packed = packAll(noise, how === 'encrypted' ? keys.recipientsFile : undefined)
      await expect(packed).rejects.toThrow('zstd ended with SIGKILL')
    })
  })

  it('is no archive when its source fails, and says what the source said', async () => {
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(noise)
      throw new Error('the dump was cut off')
    }
    await expect(collect(pack(broken(), { recipientsFile: keys.recipientsFile, signal, onContent: () => undefined }))).rejects.toThrow(
      'the dump was cut off',
    )
  })

  it('names age when age fails, though zstd loses its reader by that', async () => {
    const recipientsFile = path.join(folder, 'nobody')
    await writeFile(recipientsFile, 'nobody\n')
    await expect(packAll(noise, recipientsFile)).rejects.toThrow(/^age ended with 1: .*nobody/)
  })

  it('names zstd when what was encrypted is no archive, though age loses its reader by that', async () => {
    const age = startTool({ command: 'age', args: ['--encrypt', '--recipients-file', keys.recipientsFile], signal })
    age.stdin.end(noise)
    const sealed = await collect(age.stdout)
    await expect(collect(unpack(only(sealed), { identityFile: keys.identityFile, signal }))).rejects.toThrow(/^zstd ended with 1: /)
  })

  it.each([['encrypted'], ['plain']])('does not open when its end is missing: %s', async (how) => {
    const encrypted = how === 'encrypted'
    const packed = await packAll(noise, encrypted ? keys.recipientsFile : undefined)
    const cut = only(packed.subarray(0, packed.byteLength - 100_000))
    await expect(collect(unpack(cut, { identityFile: encrypted ? keys.identityFile : undefined, signal }))).rejects.toThrow(
      /^(age|zstd) ended with 1: /,
    )
  })

  it('says which program is missing', async () => {
    await withPath(await standIn('zstd', 'exec /bin/cat'), async () => {
      await expect(packAll(noise, keys.recipientsFile)).rejects.toThrow('age is not installed where this runs')
    })
  })

  function packAll(
    content: Uint8Array,
    recipientsFile: string | undefined,
    onContent: (facts: ContentFacts) => void = () => undefined,
  ): Promise<Buffer> {
    return collect(pack(only(content), { recipientsFile, signal, onContent }))
  }

  async function standIn(name: string, script: string): Promise<string> {
    const at = await mkdtemp(path.join(folder, 'instead-'))
    await writeFile(path.join(at, name), `#!/bin/sh\n${script}\n`)
    await chmod(path.join(at, name), 0o755)
    return at
  }
})

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes)
}

async function collect(chunks: AsyncIterable<unknown>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk as Uint8Array)
  return Buffer.concat(all)
}

async function withPath(folders: string, work: () => Promise<void>): Promise<void> {
  const before = process.env['PATH']
  process.env['PATH'] = folders
  try {
    await work()
  } finally {
    process.env['PATH'] = before
  }
}

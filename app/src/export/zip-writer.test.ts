import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { writeZip, type ZipEntry } from './zip-writer.ts'

const modifiedAt = Date.UTC(2026, 1, 28, 23, 59, 58)

async function pack(entries: readonly ZipEntry[]): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of writeZip(fromArray(entries))) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* fromArray<Item>(items: readonly Item[]): AsyncGenerator<Item, void, undefined> {
  yield* items
}

const hasPython = spawnSync('python3', ['--version']).status === 0

/** What an implementation says that also checks every CRC and knows Zip64. */
function readWithPython(archive: Buffer): readonly [string, number, readonly number[]][] {
  const folder = mkdtempSync(join(tmpdir(), 'notejam-zip-'))
  try {
    writeFileSync(join(folder, 'a.zip'), archive)
    const program = [
      'import json,sys,zipfile',
      'z=zipfile.ZipFile(sys.argv[1])',
      'assert z.testzip() is None',
      'print(json.dumps([[i.filename,i.file_size,i.date_time] for i in z.infolist()]))',
    ].join(';')
    const output = execFileSync('python3', ['-c', program, join(folder, 'a.zip')], { encoding: 'utf8', maxBuffer: 1e8 })
    return JSON.parse(output) as ReturnType<typeof readWithPython>
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe('writeZip', () => {
  it('is read back byte by byte', async () => {
    const texts = { 'Ünïcode ☃/日本語 🎉.md': 'text\r\n\u0001', 'empty.md': '', 'long.md': 'word '.repeat(100_000) }

    const archive = await pack(Object.entries(texts).map(([path, text]) => ({ path, content: Buffer.from(text), modifiedAt })))

    const read = Object.entries(unzipSync(archive)).map(([path, content]) => [path, Buffer.from(content).toString()])
    expect(Object.fromEntries(read)).toEqual(texts)
    expect(archive.length).toBeLessThan(10_000)
  })

  it('is a valid archive without any file', async () => {
    expect(unzipSync(await pack([]))).toEqual({})
  })

  it('holds more than the 65,535 files that the plain format counts', { timeout: 20_000 }, async () => {
    const entries = Array.from({ length: 65_536 }, (_, index) => ({ path: `${index}.md`, content: Buffer.from('x'), modifiedAt }))

    expect(Object.keys(unzipSync(await pack(entries)))).toHaveLength(65_536)
  })

  it('is accepted by a strict reader, with times kept within what the format knows', async (test) => {
    test.skip(!hasPython, 'python3 is not there')
    const times = [modifiedAt, 0, Date.UTC(2200, 11, 31)]

    const read = readWithPython(
      await pack(times.map((time, index) => ({ path: `☃${index}`, content: Buffer.from('abc'), modifiedAt: time }))),
    )

    expect(read).toEqual([
      ['☃0', 3, [2026, 2, 28, 23, 59, 58]],
      ['☃1', 3, [1980, 1, 1, 0, 0, 0]],
      ['☃2', 3, [2107, 12, 31, 0, 0, 0]],
    ])
  })
})

import { unzipSync } from 'fflate'
import { expect, it } from 'vitest'
import type { AccountData, ExportedNote } from './account-data.ts'
import { exportJson } from './json-export.ts'
import { exportMarkdown } from './markdown-export.ts'

const time = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

function account(notes: readonly Pick<ExportedNote, 'name' | 'text' | 'padId'>[], padNames: readonly string[] = []): AccountData {
  return {
    email: 'a@example.org',
    createdAt: time,
    pads: padNames.map((name, index) => ({ id: index + 1, name, createdAt: time, updatedAt: time })),
    notes: (async function* () {
      yield* notes.map((note, index) => ({ id: index + 1, createdAt: time, updatedAt: time, ...note }))
    })(),
  }
}

async function collect<Chunk>(chunks: AsyncIterable<Chunk>): Promise<readonly Chunk[]> {
  const all: Chunk[] = []
  for await (const chunk of chunks) all.push(chunk)
  return all
}

it('puts notes of a pad into its folder and keeps apart what has the same name', async () => {
  const notes = [
    { name: 'List', text: 'one', padId: null },
    { name: 'list', text: 'two', padId: null },
    { name: 'List', text: 'three', padId: 1 },
    { name: 'List', text: 'four', padId: 2 },
    { name: '../up', text: 'five', padId: 2 },
  ]

  const files = unzipSync(Buffer.concat(await collect(exportMarkdown(account(notes, ['Home/Work', 'home-work'])))))

  expect(Object.entries(files).map(([path, content]) => [path, Buffer.from(content).toString().split('\n').at(-2)])).toEqual([
    ['List.md', 'one'],
    ['list (2).md', 'two'],
    ['Home-Work/List.md', 'three'],
    ['home-work (2)/List.md', 'four'],
    ['home-work (2)/-up.md', 'five'],
  ])
})

it('keeps names, times and texts whole', async () => {
  const text = '# "Title"\n\n---\n\u{1F389} e\u0301'

  const files = unzipSync(Buffer.concat(await collect(exportMarkdown(account([{ name: 'a: "b"', text, padId: 1 }], ['P'])))))

  expect(Buffer.from(files['P/a- -b-.md'] ?? []).toString()).toBe(
    `---\ntitle: "a: \\"b\\""\npad: "P"\ncreated: 2026-01-02T03:04:05.678Z\nupdated: 2026-01-02T03:04:05.678Z\n---\n\n${text}\n`,
  )
})

it('writes JSON in chunks that make one document', async () => {
  const notes = Array.from({ length: 30 }, (_, index) => ({ name: `n${index}`, text: 'x'.repeat(10_000), padId: null }))

  const chunks = await collect(exportJson(account(notes, ['P']), time))

  const document = JSON.parse(chunks.join('')) as { notes: readonly { name: string }[] }
  expect(chunks.length).toBeGreaterThan(3)
  expect(document).toMatchObject({
    format: 'notejam-export',
    version: 1,
    account: { email: 'a@example.org' },
    pads: [{ id: 1, name: 'P' }],
  })
  expect(document.notes.map((note) => note.name)).toEqual(notes.map((note) => note.name))
})

it('writes an empty account', async () => {
  expect(JSON.parse((await collect(exportJson(account([]), time))).join(''))).toMatchObject({ pads: [], notes: [] })
})

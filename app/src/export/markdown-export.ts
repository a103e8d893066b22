import type { AccountData, ExportedNote } from './account-data.ts'
import { safeFileName, UniqueNames } from './file-names.ts'
import { writeZip, type ZipEntry } from './zip-writer.ts'

/** The notes of an account as a ZIP archive of Markdown files: a folder for each pad, notes without a pad beside them. */
export function exportMarkdown(data: AccountData): AsyncGenerator<Uint8Array, void, undefined> {
  return writeZip(entriesOf(data))
}

async function* entriesOf(data: AccountData): AsyncGenerator<ZipEntry, void, undefined> {
  const root = new UniqueNames()
  const folders = new Map(
    data.pads.map((pad) => [pad.id, { path: `${root.take(safeFileName(pad.name, 'pad'))}/`, pad: pad.name, names: new UniqueNames() }]),
  )
  for await (const note of data.notes) {
    const folder = note.padId === null ? undefined : folders.get(note.padId)
    const file = (folder?.names ?? root).take(safeFileName(note.name, 'note'), '.md')
    yield { path: `${folder?.path ?? ''}${file}`, content: Buffer.from(toMarkdown(note, folder?.pad)), modifiedAt: note.updatedAt }
  }
}

/** Front matter holds what a file name cannot (a JSON text is a YAML text too); below it the text stands as it was written. */
function toMarkdown(note: ExportedNote, pad: string | undefined): string {
  const lines = [
    '---',
    `title: ${JSON.stringify(note.name)}`,
    ...(pad === undefined ? [] : [`pad: ${JSON.stringify(pad)}`]),
    `created: ${new Date(note.createdAt).toISOString()}`,
    `updated: ${new Date(note.updatedAt).toISOString()}`,
    '---',
    '',
  ]
  return `${lines.join('\n')}\n${note.text}${note.text.endsWith('\n') ? '' : '\n'}`
}

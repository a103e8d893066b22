import type { AccountData, ExportedNote, ExportedPad } from './account-data.ts'

/** Chunks are collected up to this many characters, so that small notes do not each become a write. */
const chunkLength = 65_536

/** The notes of an account as one JSON document, written as it is read; `version` goes up when its form changes. */
export async function* exportJson(data: AccountData, exportedAt: number): AsyncGenerator<string, void, undefined> {
  const head = {
    format: 'notejam-export',
    version: 1,
    exported_at: toIso(exportedAt),
    account: { email: data.email, created_at: toIso(data.createdAt) },
  }
  let out = `${JSON.stringify(head).slice(0, -1)},"pads":${JSON.stringify(data.pads.map((pad) => presentPad(pad)))},"notes":[`
  let first = true
  for await (const note of data.notes) {
    out += `${first ? '\n' : ',\n'}${JSON.stringify(presentNote(note))}`
    first = false
    if (out.length < chunkLength) continue
    yield out
    out = ''
  }
  yield `${out}]}\n`
}

function presentPad(pad: ExportedPad): Readonly<Record<string, unknown>> {
  return { id: pad.id, name: pad.name, created_at: toIso(pad.createdAt), updated_at: toIso(pad.updatedAt) }
}

function presentNote(note: ExportedNote): Readonly<Record<string, unknown>> {
  return { ...presentPad(note), pad_id: note.padId, text: note.text }
}

function toIso(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

import type { Notes, NoteView } from '../notes/service.ts'
import type { Pads } from '../pads/service.ts'
import { entityTag, isFresh, requireMatch } from './entity-tag.ts'
import { operation, type ApiAnswer, type Operation } from './operation.ts'
import { presentNote, presentNoteSummary, presentPage } from './present.ts'
import { noQuery, note, noteInput, noteListQuery, notePage, notePatch } from './schemas.ts'

/** Notes: list, one, and every change of one. */
export function noteOperations(notes: Notes, pads: Pads): readonly Operation[] {
  const expected = async (userId: number, id: number, ifMatch: string | undefined): Promise<number | undefined> => {
    const present = await notes.get(userId, id)
    requireMatch(ifMatch, tagOf(present))
    // The service compares again inside its transaction; `*` asks for no version.
    return ifMatch?.trim() === '*' ? undefined : present.version
  }

  return [
    operation({
      operationId: 'listNotes',
      method: 'GET',
      path: '/notes',
      tag: 'notes',
      summary: 'Lists all notes',
      scope: 'read',
      query: noteListQuery,
      success: { status: 200, description: 'One page of notes, without their texts.', schema: notePage, list: true },
      run: async ({ token, query }) => {
        const { page, per_page: perPage, order } = query
        const items = await notes.list(token.userId, { order, page, perPage })
        return presentPage(items.map(presentNoteSummary), {
          path: '/api/v1/notes',
          query: { order },
          page,
          perPage,
          total: token.noteCount,
        })
      },
    }),
    operation({
      operationId: 'listNotesOfPad',
      method: 'GET',
      path: '/pads/{id}/notes',
      tag: 'notes',
      summary: 'Lists the notes of a pad',
      scope: 'read',
      query: noteListQuery,
      success: { status: 200, description: 'One page of notes, without their texts.', schema: notePage, list: true },
      run: async ({ token, id, query }) => {
        const { page, per_page: perPage, order } = query
        const pad = await pads.get(token.userId, id)
        const items = await notes.list(token.userId, { order, page, perPage, padId: id })
        return presentPage(items.map(presentNoteSummary), {
          path: `/api/v1/pads/${id}/notes`,
          query: { order },
          page,
          perPage,
          total: pad.noteCount,
        })
      },
    }),
    operation({
      operationId: 'createNote',
      method: 'POST',
      path: '/notes',
      tag: 'notes',
      summary: 'Makes a note',
      scope: 'write',
      query: noQuery,
      body: noteInput,
      success: { status: 201, description: 'The new note.', schema: note },
      run: async ({ token, body }) => {
        const made = await notes.create(token.userId, { name: body.name, text: body.text, padId: body.pad_id })
        return { ...answer(made), status: 201, headers: { ETag: tagOf(made), Location: `/api/v1/notes/${made.id}` } }
      },
    }),
    operation({
      operationId: 'getNote',
      method: 'GET',
      path: '/notes/{id}',
      tag: 'notes',
      summary: 'Reads a note',
      scope: 'read',
      query: noQuery,
      conditional: 'read',
      success: { status: 200, description: 'The note.', schema: note },
      run: async ({ token, id, ifNoneMatch }) => {
        const found = await notes.get(token.userId, id)
        return isFresh(ifNoneMatch, tagOf(found)) ? { status: 304, headers: { ETag: tagOf(found) } } : answer(found)
      },
    }),
    operation({
      operationId: 'replaceNote',
      method: 'PUT',
      path: '/notes/{id}',
      tag: 'notes',
      summary: 'Replaces a note',
      description: 'What is absent becomes its default: without `pad_id` the note leaves its pad.',
      scope: 'write',
      query: noQuery,
      body: noteInput,
      conditional: 'change',
      success: { status: 200, description: 'The note as it is now.', schema: note },
      run: async ({ token, id, body, ifMatch }) => {
        const version = await expected(token.userId, id, ifMatch)
        return answer(await notes.change(token.userId, id, { name: body.name, text: body.text, padId: body.pad_id }, version))
      },
    }),
    operation({
      operationId: 'changeNote',
      method: 'PATCH',
      path: '/notes/{id}',
      tag: 'notes',
      summary: 'Changes some fields of a note',
      description: 'What is absent stays as it is (JSON Merge Patch, RFC 7396).',
      scope: 'write',
      query: noQuery,
      body: notePatch,
      conditional: 'change',
      success: { status: 200, description: 'The note as it is now.', schema: note },
      run: async ({ token, id, body, ifMatch }) => {
        const version = await expected(token.userId, id, ifMatch)
        const change = {
          ...(body.name === undefined ? {} : { name: body.name }),
          ...(body.text === undefined ? {} : { text: body.text }),
          ...(body.pad_id === undefined ? {} : { padId: body.pad_id }),
        }
        return answer(await notes.change(token.userId, id, change, version))
      },
    }),
    operation({
      operationId: 'deleteNote',
      method: 'DELETE',
      path: '/notes/{id}',
      tag: 'notes',
      summary: 'Deletes a note',
      description: 'It can be taken back on the pages for 30 days.',
      scope: 'write',
      query: noQuery,
      conditional: 'change',
      success: { status: 204, description: 'It is deleted.' },
      run: async ({ token, id, ifMatch }) => {
        await notes.delete(token.userId, id, await expected(token.userId, id, ifMatch))
        return { status: 204 }
      },
    }),
  ]
}

function tagOf(view: NoteView): string {
  return entityTag('note', view.id, view.version)
}

function answer(view: NoteView): ApiAnswer {
  return { status: 200, body: presentNote(view), headers: { ETag: tagOf(view) } }
}

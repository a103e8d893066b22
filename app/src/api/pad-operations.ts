import type { Pads, PadView } from '../pads/service.ts'
import { entityTag, requireMatch } from './entity-tag.ts'
import { operation, type ApiAnswer, type Operation } from './operation.ts'
import { presentPad, presentPage } from './present.ts'
import { noQuery, pad, padDeletionQuery, padInput, padPage, pagingQuery } from './schemas.ts'

/** Pads: list, one, and every change of one. */
export function padOperations(pads: Pads): readonly Operation[] {
  const expected = async (userId: number, id: number, ifMatch: string | undefined): Promise<number | undefined> => {
    const present = await pads.get(userId, id)
    requireMatch(ifMatch, tagOf(present))
    return ifMatch?.trim() === '*' ? undefined : present.version
  }

  return [
    operation({
      operationId: 'listPads',
      method: 'GET',
      path: '/pads',
      tag: 'pads',
      summary: 'Lists all pads, oldest first',
      scope: 'read',
      query: pagingQuery,
      success: { status: 200, description: 'One page of pads.', schema: padPage, list: true },
      run: async ({ token, query }) => {
        const { page, per_page: perPage } = query
        const { items, total } = await pads.page(token.userId, { page, perPage })
        return presentPage(items.map(presentPad), { path: '/api/v1/pads', query: {}, page, perPage, total })
      },
    }),
    operation({
      operationId: 'createPad',
      method: 'POST',
      path: '/pads',
      tag: 'pads',
      summary: 'Makes a pad',
      scope: 'write',
      query: noQuery,
      body: padInput,
      success: { status: 201, description: 'The new pad.', schema: pad },
      run: async ({ token, body }) => {
        const made = await pads.create(token.userId, body)
        return { ...answer(made), status: 201, headers: { ETag: tagOf(made), Location: `/api/v1/pads/${made.id}` } }
      },
    }),
    operation({
      operationId: 'getPad',
      method: 'GET',
      path: '/pads/{id}',
      tag: 'pads',
      summary: 'Reads a pad',
      // `note_count` changes without the pad's version, so a pad is never answered with 304.
      scope: 'read',
      query: noQuery,
      conditional: 'tag',
      success: { status: 200, description: 'The pad.', schema: pad },
      run: async ({ token, id }) => answer(await pads.get(token.userId, id)),
    }),
    operation({
      operationId: 'replacePad',
      method: 'PUT',
      path: '/pads/{id}',
      tag: 'pads',
      summary: 'Replaces a pad: gives it another name',
      scope: 'write',
      query: noQuery,
      body: padInput,
      conditional: 'change',
      success: { status: 200, description: 'The pad as it is now.', schema: pad },
      run: async ({ token, id, body, ifMatch }) =>
        answer(await pads.rename(token.userId, id, body, await expected(token.userId, id, ifMatch))),
    }),
    operation({
      operationId: 'deletePad',
      method: 'DELETE',
      path: '/pads/{id}',
      tag: 'pads',
      summary: 'Deletes a pad, with its notes or without',
      description: 'It can be taken back on the pages for 30 days.',
      scope: 'write',
      query: padDeletionQuery,
      conditional: 'change',
      success: { status: 204, description: 'It is deleted.' },
      run: async ({ token, id, query, ifMatch }) => {
        await pads.delete(token.userId, id, query.notes, await expected(token.userId, id, ifMatch))
        return { status: 204 }
      },
    }),
  ]
}

function tagOf(view: PadView): string {
  return entityTag('pad', view.id, view.version)
}

function answer(view: PadView): ApiAnswer {
  return { status: 200, body: presentPad(view), headers: { ETag: tagOf(view) } }
}

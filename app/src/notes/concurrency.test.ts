import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Browser, BrowsedPage } from '../testing/browser.ts'
import { type StartedApp, startApp } from '../testing/start-app.ts'

let app: StartedApp
const wrongPad = 'Select a valid choice. That choice is not one of the available choices.'

beforeAll(async () => {
  app = await startApp()
})

afterAll(async () => {
  await app[Symbol.asyncDispose]()
})

async function twice(send: () => Promise<BrowsedPage>): Promise<readonly number[]> {
  const answers = await Promise.all([send(), send()])
  return answers.map(({ status }) => status).toSorted((a, b) => a - b)
}

/** What must hold whatever happened: counters are what can be counted, and no note is in a pad that is gone. */
async function expectSound(): Promise<void> {
  const { db } = app.context
  const users = await db.selectFrom('users').select(['id', 'note_count']).execute()
  const pads = await db.selectFrom('pads').select(['id', 'user_id', 'note_count']).where('deleted_at', 'is', null).execute()
  const notes = await db.selectFrom('notes').select(['id', 'user_id', 'pad_id']).where('deleted_at', 'is', null).execute()

  for (const user of users) expect(user.note_count).toBe(notes.filter((note) => note.user_id === user.id).length)
  for (const pad of pads) expect(pad.note_count).toBe(notes.filter((note) => note.pad_id === pad.id).length)
  const live = new Set(pads.map((pad) => pad.id))
  expect(notes.filter((note) => note.pad_id !== null && !live.has(note.pad_id))).toEqual([])
}

describe('a form that is sent twice at once', () => {
  test('makes two notes, both of them whole and counted', async () => {
    const user = await app.member()
    const pad = await user.createPad('Pad')

    expect(await twice(async () => user.post('/notes/create/', { name: 'n', text: 'x', pad_id: String(pad) }))).toEqual([302, 302])

    expect((await user.get(`/pads/${pad}/`)).body).toContain('<title>Pad (2)</title>')
    await expectSound()
  })

  test('deletes a note once; the second is told that it is gone', async () => {
    const user = await app.member()
    const id = await user.createNote('n', 'x', await user.createPad('Pad'))

    expect(await twice(async () => user.post(`/notes/${id}/delete/`))).toEqual([302, 404])

    await expectSound()
  })

  test('deletes a pad once', async () => {
    const user = await app.member()
    const pad = await user.createPad('Pad')
    await user.createNote('n', 'x', pad)

    expect(await twice(async () => user.post(`/pads/${pad}/delete/`, { notes: 'delete' }))).toEqual([302, 404])

    expect((await user.get('/')).body).toContain('<title>All notes (0)</title>')
    await expectSound()
  })

  test('takes a deletion back once', async () => {
    const user = await app.member()
    const pad = await user.createPad('Pad')
    await user.createNote('n', 'x', pad)
    await user.post(`/pads/${pad}/delete/`, { notes: 'delete' })
    const undo = /\/deletions\/[0-9a-f-]{36}\/undo\//.exec((await user.get('/deletions/')).body)?.[0] ?? ''

    expect(await twice(async () => user.post(undo))).toEqual([302, 404])

    expect((await user.get('/')).body).toContain('<title>All notes (1)</title>')
    await expectSound()
  })

  test('saves one version once; the second sees both versions', async () => {
    const user = await app.member()
    const id = await user.createNote('n', 'x')
    const { hidden } = await user.get(`/notes/${id}/edit/`)

    expect(await twice(async () => user.post(`/notes/${id}/edit/`, { ...hidden, name: 'm', text: 'y' }))).toEqual([302, 409])
  })

  test('changes a password by a mailed link once', async () => {
    await app.member('twice@example.com')
    await app.browser().post('/forgot-password/', { email: 'twice@example.com' })
    const link = new URL(/http:\/\/\S+/.exec(app.mails.at(-1)?.text ?? '')?.[0] ?? '').pathname

    expect(await twice(async () => app.browser().post(link, { password: 'new password', confirm_password: 'new password' }))).toEqual([
      302, 404,
    ])
  })
})

describe('two things at once', () => {
  test('saving what was deleted meanwhile: gone, and what was typed is not lost', async () => {
    const user = await app.member()
    const id = await user.createNote('Name', 'Text')
    const { hidden } = await user.get(`/notes/${id}/edit/`)
    await user.post(`/notes/${id}/delete/`)

    const page = await user.post(`/notes/${id}/edit/`, { ...hidden, name: 'Typed', text: 'hours of work' })

    expect(page.status).toBe(404)
    expect(page.text).toContain('There is no such note.')
    expect(page.body).toContain('value="Typed"')
    expect(page.body).toContain('hours of work</textarea>')
    expect(page.body).toContain('action="/notes/create/"')
  })

  test('a note for a pad that was deleted meanwhile is refused, and what was typed stays', async () => {
    const user = await app.member()
    const pad = await user.createPad('Pad')
    await user.post(`/pads/${pad}/delete/`)

    const page = await user.post('/notes/create/', { name: 'Typed', text: 'hours of work', pad_id: String(pad) })

    expect([page.status, page.errors]).toEqual([200, [wrongPad]])
    expect(page.body).toContain('hours of work</textarea>')
  })

  test('notes go into a pad while it is deleted: in it and gone with it, or refused', async () => {
    const user = await app.member()
    const pad = await user.createPad('Pad')
    const create = async (): Promise<BrowsedPage> => user.post('/notes/create/', { name: 'n', text: 'x', pad_id: String(pad) })

    const answers = await Promise.all([
      create(),
      create(),
      create(),
      user.post(`/pads/${pad}/delete/`, { notes: 'delete' }),
      create(),
      create(),
    ])

    for (const { status, errors } of answers) expect([status, errors]).toEqual(status === 302 ? [302, []] : [200, [wrongPad]])
    await expectSound()
  })

  test('an account is deleted while it is used: all of it is gone', async () => {
    const user = await app.member('leaving@example.com')
    const pad = await user.createPad('Pad')
    const { id } = await app.context.db
      .selectFrom('users')
      .select('id')
      .where('email', '=', 'leaving@example.com')
      .executeTakeFirstOrThrow()

    const answers = await Promise.all([
      user.post('/notes/create/', { name: 'n', text: 'x', pad_id: String(pad) }),
      user.post('/settings/delete/', { password: 'correct horse' }),
      user.post('/notes/create/', { name: 'n', text: 'x' }),
      user.post('/pads/create/', { name: 'p' }),
    ])

    expect(answers.map(({ status }) => status).filter((status) => status >= 500)).toEqual([])
    expect((await user.get('/')).location).toBe('/signin/')
    for (const table of ['notes', 'pads', 'sessions'] as const)
      expect(await app.context.db.selectFrom(table).select('id').where('user_id', '=', id).execute()).toEqual([])
  })
})

interface Step {
  readonly kind: 'create' | 'move' | 'rename' | 'delete' | 'delete-pad' | 'keep-pad' | 'undo'
  readonly note: number
  readonly pad: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step['kind']>('create', 'create', 'move', 'move', 'rename', 'delete', 'delete-pad', 'keep-pad', 'undo', 'undo'),
  note: fc.nat(5),
  pad: fc.nat(2),
})

async function take(user: Browser, notes: readonly number[], pads: readonly number[], { kind, note, pad }: Step): Promise<BrowsedPage> {
  const [noteUrl, padUrl] = [`/notes/${notes[note] ?? 0}`, `/pads/${pads[pad] ?? 0}`]
  switch (kind) {
    case 'create':
      return user.post('/notes/create/', { name: 'new', text: 'x', pad_id: String(pads[pad]) })
    case 'move':
      return user.post(`${noteUrl}/edit/`, { name: 'moved', text: 'x', pad_id: String(pads[pad]) })
    case 'rename':
      return user.post(`${padUrl}/edit/`, { name: 'renamed' })
    case 'delete':
      return user.post(`${noteUrl}/delete/`)
    case 'delete-pad':
      return user.post(`${padUrl}/delete/`, { notes: 'delete' })
    case 'keep-pad':
      return user.post(`${padUrl}/delete/`, { notes: 'keep' })
    case 'undo': {
      const { body } = await user.get('/deletions/')
      const links = [...body.matchAll(/\/deletions\/[0-9a-f-]{36}\/undo\//g)]
      return user.post(links[note % Math.max(1, links.length)]?.[0] ?? '/pads/create/', { name: 'nothing to take back' })
    }
  }
}

test('whatever one account does at once, nothing fails and every count stays right', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 16 }), async (steps) => {
      const user = await app.member()
      const pads = [await user.createPad('A'), await user.createPad('B'), await user.createPad('C')]
      const notes: number[] = []
      for (let n = 0; n < 6; n += 1) notes.push(await user.createNote(`n${n}`, 'x', pads[n % 3]))

      const answers = await Promise.all(steps.map(async (each) => take(user, notes, pads, each)))

      expect(answers.filter(({ status }) => status >= 500)).toEqual([])
      await expectSound()
    }),
    { numRuns: 12 },
  )
})

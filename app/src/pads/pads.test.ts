import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type StartedApp, startApp } from '../testing/start-app.ts'

let app: StartedApp

beforeAll(async () => {
  app = await startApp()
})

afterAll(async () => {
  await app[Symbol.asyncDispose]()
})

async function countPads(): Promise<number> {
  return (await app.context.db.selectFrom('pads').select('id').execute()).length
}

async function storedPad(id: number) {
  return app.context.db.selectFrom('pads').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

describe('making a pad', () => {
  test('PD1: it is stored, its maker owns it, and the next page says so', async () => {
    const user = await app.member('pd1@example.com')

    const answer = await user.post('/pads/create/', { name: '  My pad  ' })
    const home = await user.get(answer.location ?? '')

    expect([answer.status, answer.location]).toEqual([302, '/'])
    expect(home.text).toContain('Pad is successfully created')
    expect(home.body).toMatch(/<a href="\/pads\/\d+\/">My pad<\/a>/)
    const owner = await app.context.db
      .selectFrom('users')
      .innerJoin('pads', 'pads.user_id', 'users.id')
      .select('users.email')
      .where('pads.name', '=', 'My pad')
      .execute()
    expect(owner).toEqual([{ email: 'pd1@example.com' }])
  })

  test('PD2: an empty, absent or blank name is refused', async () => {
    const user = await app.member()
    const before = await countPads()

    for (const fields of [{}, { name: '' }, { name: ' \t ' }, { 'name[]': 'x' }]) {
      const page = await user.post('/pads/create/', fields)

      expect(page.status).toBe(200)
      expect(page.errors).toEqual(['This field is required.'])
      expect(page.text).toContain('Name is required')
    }
    expect(await countPads()).toBe(before)
  })

  test('PD3: who is not signed in is sent there, and nothing is stored', async () => {
    const before = await countPads()

    const answer = await app.browser().post('/pads/create/', { name: 'x' })

    expect([answer.status, answer.location]).toEqual([302, '/signin/'])
    expect(await countPads()).toBe(before)
  })

  test.each([
    ['letters', 'x'],
    ['emoji', '🦄'],
    ['combining characters', 'e\u0301'],
  ])('a name has at most 100 characters: %s', async (_what, unit) => {
    const user = await app.member()
    const longest = unit.repeat(100 / [...unit].length)

    expect((await user.post('/pads/create/', { name: longest })).status).toBe(302)
    const page = await user.post('/pads/create/', { name: `${longest}x` })

    expect(page.status).toBe(200)
    expect(page.errors).toEqual(['Ensure this value has at most 100 characters (it has 101).'])
  })
})

describe('changing a pad', () => {
  test('PD4: the new name is stored and shown on the pad', async () => {
    const user = await app.member()
    const id = await user.createPad('Old')
    const form = await user.get(`/pads/${id}/edit/`)

    const answer = await user.post(`/pads/${id}/edit/`, { ...form.hidden, name: 'New' })
    const page = await user.get(answer.location ?? '')

    expect(form.body).toContain('<title>Old</title>')
    expect(answer.location).toBe(`/pads/${id}/`)
    expect(page.text).toContain('Pad is successfully updated')
    expect(page.body).toContain('<title>New (0)</title>')
  })

  test('PD5: an empty name is refused and the stored one stays in the title', async () => {
    const user = await app.member()
    const id = await user.createPad('Stays')

    const page = await user.post(`/pads/${id}/edit/`, { name: '' })

    expect(page.status).toBe(200)
    expect(page.errors).toEqual(['This field is required.'])
    expect(page.body).toContain('<title>Error: Stays</title>')
    expect((await storedPad(id)).name).toBe('Stays')
  })

  test('PD6, PD8, PD10: to anyone else it does not exist', async () => {
    const user = await app.member()
    const stranger = await app.member()
    const id = await user.createPad('Secret')
    const before = await storedPad(id)

    const answers = [
      await stranger.get(`/pads/${id}/`),
      await stranger.get(`/pads/${id}/edit/`),
      await stranger.post(`/pads/${id}/edit/`, { name: 'Mine' }),
      await stranger.post(`/pads/${id}/edit/`, { name: '' }),
      await stranger.get(`/pads/${id}/delete/`),
      await stranger.post(`/pads/${id}/delete/`),
    ]
    const missing = await stranger.get('/pads/999999/')

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 404])
    for (const answer of answers) {
      expect(answer.body).not.toContain('Secret')
      expect(answer.text).toContain('My pads')
      expect(answer.body).toBe(missing.body)
    }
    expect(await storedPad(id)).toEqual(before)
  })

  test('two windows: the second learns of the first instead of overwriting it', async () => {
    const user = await app.member()
    const id = await user.createPad('Old')
    const { hidden } = await user.get(`/pads/${id}/edit/`)

    await user.post(`/pads/${id}/edit/`, { ...hidden, name: 'First' })
    const page = await user.post(`/pads/${id}/edit/`, { ...hidden, name: 'Second' })

    expect(page.status).toBe(409)
    expect(page.text).toContain('Stored now First Yours Second')
    expect((await storedPad(id)).name).toBe('First')
    expect((await user.post(`/pads/${id}/edit/`, { ...page.hidden, name: 'Second' })).status).toBe(302)
    expect((await storedPad(id)).name).toBe('Second')
  })
})

describe('the page of a pad', () => {
  test('PD7: shows its notes, their number, and the ways to settings and a new note', async () => {
    const user = await app.member()
    const id = await user.createPad('Work')
    await user.createNote('Inside', 'x', id)
    await user.createNote('Outside', 'x')

    const page = await user.get(`/pads/${id}`)

    expect(page.status).toBe(200)
    expect(page.body).toContain('<title>Work (1)</title>')
    expect(page.text).toContain('Inside')
    expect(page.text).not.toContain('Outside')
    expect(page.text).toContain('Pad settings')
    expect(page.body).toContain(`href="/notes/create/?pad=${id}"`)
    expect(page.body).toContain(`<a href="/pads/${id}/" aria-current="page">Work</a>`)
  })

  test('an empty pad says so', async () => {
    const user = await app.member()
    const id = await user.createPad('Empty')

    expect((await user.get(`/pads/${id}/`)).text).toContain('Create your first note in the pad.')
    expect((await (await app.member()).get('/')).text).toContain('No pads')
  })

  test.each(['abc', '0', '-1', '1.5', '1e3', '99999999999999999999', '%F0', '1%00', ' 1', 'create%2F'])(
    'the id %j is not there',
    async (id) => {
      const user = await app.member()

      expect([400, 404]).toContain((await user.get(`/pads/${id}/`)).status)
    },
  )
})

describe('deleting a pad', () => {
  test('PD9: the question names number and choice; notes go with it; all of it can be undone', async () => {
    const user = await app.member()
    const id = await user.createPad('Work')
    await user.createNote('One', 'x', id)
    await user.createNote('Two', 'x', id)
    await user.createNote('Elsewhere', 'x')

    const question = await user.get(`/pads/${id}/delete/`)
    const next = await user.submit(`/pads/${id}/delete/`, {})

    expect(question.text).toContain('Are you sure you want to delete Work and all related notes (2)?')
    expect(next.text).toContain('Pad is successfully deleted')
    expect(next.body).toContain('<title>All notes (1)</title>')
    expect(next.text).not.toContain('Work')
    expect((await user.get(`/pads/${id}/`)).status).toBe(404)

    const undo = /action="(\/deletions\/[^"]+)"/.exec(next.body)?.[1] ?? ''
    expect((await (await app.member()).post(undo)).status).toBe(404)
    const back = await user.submit(undo)
    expect(back.text).toContain('Pad is successfully restored')
    expect(back.body).toContain('<title>Work (2)</title>')
    expect((await user.get('/')).body).toContain('<title>All notes (3)</title>')
    expect((await user.post(undo)).status).toBe(404)
  })

  test('notes can be kept; undoing puts them into the pad again, except what was moved meanwhile', async () => {
    const user = await app.member()
    const id = await user.createPad('Work')
    await user.createNote('One', 'x', id)
    const two = await user.createNote('Two', 'x', id)

    const next = await user.submit(`/pads/${id}/delete/`, { notes: 'keep' })
    expect(next.body).toContain('<title>All notes (2)</title>')
    expect(next.text).toContain('One No pad')

    const other = await user.createPad('Other')
    await user.post(`/notes/${two}/edit/`, { name: 'Two', text: 'x', pad_id: String(other) })
    const back = await user.submit(/action="(\/deletions\/[^"]+)"/.exec(next.body)?.[1] ?? '')
    expect(back.body).toContain('<title>Work (1)</title>')
    expect((await user.get(`/pads/${other}/`)).body).toContain('<title>Other (1)</title>')
  })

  test('a pad of thirty days ago is gone for good', async () => {
    await using other = await startApp()
    const user = await other.member()
    const id = await user.createPad('Work')
    const note = await user.createNote('One', 'x', id)
    const next = await user.submit(`/pads/${id}/delete/`)
    const undo = /action="(\/deletions\/[^"]+)"/.exec(next.body)?.[1] ?? ''
    expect((await user.get('/deletions/')).text).toContain('Pad Work and 1 note')

    const { createDeletions } = await import('../notes/deletions.ts')
    const deletions = createDeletions(other.context)
    other.advance(29 * 86_400_000)
    expect(await deletions.purge()).toBe(0)
    other.advance(86_400_000)
    expect(await deletions.purge()).toBe(2)
    await user.post('/signin/', {
      email: (await other.context.db.selectFrom('users').select('email').executeTakeFirstOrThrow()).email,
      password: 'correct horse',
    })

    expect((await user.post(undo)).status).toBe(404)
    expect((await user.get('/deletions/')).text).toContain('Nothing was deleted in the last 30 days.')
    expect(await other.context.db.selectFrom('notes').select('id').where('id', '=', note).execute()).toEqual([])
  })
})

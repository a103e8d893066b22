import { unzipSync } from 'fflate'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startApp, type StartedApp } from '../testing/start-app.ts'
import type { Browser } from '../testing/browser.ts'

let app: StartedApp
let member: Browser

beforeAll(async () => {
  app = await startApp()
  member = await app.member()
  const pad = await member.createPad('Trips')
  await member.createNote('Rome', 'pasta', pad)
  await member.createNote('Ideas', 'a\nb')
  const stranger = await app.member()
  await stranger.createNote('Secret', 'of someone else')
})

afterAll(async () => app[Symbol.asyncDispose]())

async function download(path: string): Promise<Response> {
  const cookie = [...member.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  return fetch(`${app.baseUrl}${path}`, { headers: { cookie } })
}

it('offers both forms', async () => {
  const { body } = await member.get('/settings/export/')

  expect(body).toContain('href="/settings/export/notes.zip"')
  expect(body).toContain('href="/settings/export/notes.json"')
})

it('packs the own notes, and no others', async () => {
  const answer = await download('/settings/export/notes.zip')

  const files = unzipSync(new Uint8Array(await answer.arrayBuffer()))
  expect(answer.headers.get('content-type')).toBe('application/zip')
  expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename="notejam-\d{4}-\d\d-\d\d\.zip"$/)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(Object.keys(files)).toEqual(['Trips/Rome.md', 'Ideas.md'])
})

it('writes them as JSON', async () => {
  const answer = await download('/settings/export/notes.json')

  expect(await answer.json()).toMatchObject({
    pads: [{ name: 'Trips' }],
    notes: [{ name: 'Rome' }, { name: 'Ideas', text: 'a\nb', pad_id: null }],
  })
  expect(app.lines.some((line) => line.includes('account-exported'))).toBe(true)
})

it('sends a stranger to sign in', async () => {
  expect((await app.browser().get('/settings/export/notes.zip')).location).toContain('/signin/')
})

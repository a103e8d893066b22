import express from 'express'
import { expect, test } from 'vitest'
import { exchangeClasses } from './exchange-classes.ts'
import { createHttpServer, listen } from './server.ts'

test('Express finds its own prototypes on requests and responses, and changes none', async () => {
  const app = express()
  const seen: object[] = []
  app.get('/notes/:id', (request, response) => {
    seen.push(Object.getPrototypeOf(request) as object, Object.getPrototypeOf(response) as object)
    response.locals['id'] = request.params['id']
    response.json({ id: response.locals['id'] as string, ip: request.ip, ours: request.app === app && response.app === app })
  })
  const before: object[] = []
  const server = createHttpServer((request, response) => {
    before.push(Object.getPrototypeOf(request) as object, Object.getPrototypeOf(response) as object)
    app(request, response)
  }, exchangeClasses(app))
  const url = `http://127.0.0.1:${await listen(server, 0)}`

  const answers = [await fetch(`${url}/notes/1`), await fetch(`${url}/notes/2`)]

  expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual(
    ['1', '2'].map((id) => ({ id, ip: expect.stringContaining('127.0.0.1') as string, ours: true })),
  )
  expect(seen).toEqual(before)
  for (const [index, prototype] of seen.entries()) expect(prototype).toBe(before[index])
  server.closeAllConnections()
  server.close()
})

import { describe, expect, it } from 'vitest'
import { endpointOfURL } from './endpoint.ts'

describe('endpointOfURL', () => {
  it.each([
    ['postgres://u:p@db.example/notes', { port: 5432 }],
    ['postgresql://u:p@10.1.2.3:6432/notes', { port: 6432, address: '10.1.2.3' }],
    ['mysql://u:p@[fd00::1]/notes', { port: 3306, address: 'fd00::1' }],
    ['smtps://u:p@mail.example', { port: 465 }],
    ['smtp://mail.example:25', { port: 25 }],
    ['https://mail.example', undefined],
    ['not a url', undefined],
  ])('%s', (url, expected) => {
    expect(endpointOfURL(url)).toEqual(expected)
  })
})

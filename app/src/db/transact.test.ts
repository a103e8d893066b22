import type { Kysely } from 'kysely'
import { expect, it } from 'vitest'
import type { Database } from './schema.ts'
import { transact } from './transact.ts'

/** A database that breaks the first transactions off, as MySQL does for a deadlock. */
function contended(times: number): { readonly db: Kysely<Database>; readonly began: () => number } {
  let began = 0
  const execute = async (work: (transaction: unknown) => Promise<unknown>): Promise<unknown> => {
    began += 1
    if (began <= times) throw Object.assign(new Error('Deadlock found'), { errno: 1213 })
    return work(undefined)
  }
  return { db: { transaction: () => ({ execute }) } as unknown as Kysely<Database>, began: () => began }
}

it('runs again what the server broke off, seven times', async () => {
  const { db, began } = contended(7)

  expect(await transact(db, async () => Promise.resolve('kept'))).toBe('kept')
  expect(began()).toBe(8)
})

it('gives up on what is broken off each time', async () => {
  const { db, began } = contended(8)

  await expect(transact(db, async () => Promise.resolve('kept'))).rejects.toThrow('Deadlock found')
  expect(began()).toBe(8)
})

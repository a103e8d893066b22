import { setTimeout as delay } from 'node:timers/promises'
import { createPasswords } from '../../app/src/accounts/passwords.ts'
import { loadConfig } from '../../app/src/config.ts'
import { openDatabase } from '../../app/src/db/open-database.ts'
import { benchSecret } from './world.ts'

const password = 'a password of benches'

/** Makes accounts that can sign in. All have one password and share its hash, which costs the same to check. */
export async function createAccounts(databaseUrl: string, count: number): Promise<readonly string[]> {
  const { db, close } = await openDatabase(loadConfig({ DATABASE_URL: databaseUrl, SECRET_KEY: benchSecret }).database)
  const hash = await createPasswords().hash(password)
  const now = Date.now()
  const emails = Array.from({ length: count }, (_, index) => `member${index}@bench.example`)
  for (let from = 0; from < count; from += 100) {
    const rows = emails
      .slice(from, from + 100)
      .map((email) => ({ email, email_key: email, password_hash: hash, created_at: now, password_changed_at: now }))
    await db.insertInto('users').values(rows).execute()
  }
  await close()
  return emails
}

/** Signs in `perSecond` times a second, each time another account from another address; returns how many were refused or failed. */
export async function signInAtRate(options: {
  readonly url: string
  readonly emails: readonly string[]
  readonly perSecond: number
  readonly signal: AbortSignal
}): Promise<{ readonly done: number; readonly failed: number }> {
  const { url, emails, perSecond, signal } = options
  const running = new Set<Promise<void>>()
  let done = 0
  let failed = 0
  for (let index = 0; !signal.aborted; index += 1) {
    const count = async (): Promise<void> => {
      const ok = await signIn(url, emails[index % emails.length] ?? '', index)
      done += 1
      if (!ok) failed += 1
    }
    const one = count()
    running.add(one)
    void one.finally(() => running.delete(one))
    try {
      await delay(1000 / perSecond, undefined, { signal })
    } catch {
      break
    }
  }
  await Promise.all(running)
  return { done, failed }
}

async function signIn(url: string, email: string, index: number): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/signin/`, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-forwarded-for': `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`,
      },
      body: new URLSearchParams({ email, password }),
    })
    await answer.arrayBuffer()
    return answer.status === 302
  } catch {
    return false
  }
}

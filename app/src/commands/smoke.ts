import { randomBytes } from 'node:crypto'
import { AppError, exitCodes, type ExitCode } from '../errors.ts'
import { runJob } from './report.ts'
import { SmokeClient, type SmokeAnswer } from './smoke-client.ts'

/** Flags of `smoke`. */
export interface SmokeFlags {
  readonly base: string
}

/** `smoke`: the story of a synthetic account on a running Notejam. Needs nothing of the environment but `TERMINATION_LOG`. */
export function smokeCommand({ base }: SmokeFlags): Promise<ExitCode> {
  const url = URL.canParse(base) ? new URL(base) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new AppError(`--base must be a URL such as http://127.0.0.1:8080, is "${base}"`, {
      code: 'InvalidArguments',
      exitCode: exitCodes.usage,
    })
  }
  const print = (line: string) => {
    process.stdout.write(`${line}\n`)
  }
  return runJob('smoke', { terminationLog: process.env['TERMINATION_LOG'] ?? '/dev/termination-log', print }, async () => {
    const started = performance.now()
    const client = new SmokeClient(base)
    await story(client)
    return { outcome: 'Passed', steps: client.steps.length, durationMs: Math.round(performance.now() - started) }
  })
}

/**
 * Signs up, signs in, writes, reads each kind of page, and deletes the account with all that is in it, also when a step before failed.
 *
 * @throws {@link AppError} `SmokeFailed`, exit code 10, with the step and the answer
 */
async function story(client: SmokeClient): Promise<void> {
  const mark = randomBytes(9).toString('hex')
  // `.invalid` never is anybody's (RFC 2606).
  const email = `smoke-${mark}@notejam.invalid`
  const password = randomBytes(18).toString('base64url')
  await client.page('sign-up page', '/signup/', 'confirm_password')
  await client.form('sign up', '/signup/', { email, password, confirm_password: password })
  await client.page('sign-in page', '/signin/', 'password')
  await client.form('sign in', '/signin/', { email, password })
  try {
    await write(client, mark)
  } catch (error) {
    // What failed is told, not whether the clean-up did.
    await client.form('delete the account', '/settings/delete/', { password }).catch(() => undefined)
    throw error
  }
  await client.form('delete the account', '/settings/delete/', { password })
  await client.page('sign-in page again', '/signin/', 'password')
}

async function write(client: SmokeClient, mark: string): Promise<void> {
  const padName = `Pad ${mark}`
  await client.form('create a pad', '/pads/create/', { name: padName })
  const pad = idIn(await client.page('list with the pad', '/', padName), 'pads')
  const noteName = `Note ${mark}`
  await client.form('create a note', '/notes/create/', { name: noteName, text: `Text of ${mark}`, pad_id: pad })
  const note = idIn(await client.page('page of the pad', `/pads/${pad}/`, noteName), 'notes')
  await client.page('list in order of names', '/?order=name', noteName)
  const edit = await client.page('edit page', `/notes/${note}/edit/`, noteName)
  const version = /name="version"[^>]*value="(\d+)"/.exec(edit.body)?.[1] ?? '1'
  const changed = `Changed ${mark}`
  await client.form('change the note', `/notes/${note}/edit/`, { name: noteName, text: changed, pad_id: pad, version })
  await client.page('page of the note', `/notes/${note}/`, changed)
  await client.page('search', `/search/?q=${mark}`, `/notes/${note}/`)
  await client.page('settings', '/settings/', 'old_password')
  await client.status('a note that is not there', '/notes/999999999999/', 404)
  await client.form('delete the note', `/notes/${note}/delete/`, {})
  await client.status('the deleted note', `/notes/${note}/`, 404)
  await client.form('delete the pad', `/pads/${pad}/delete/`, {})
}

function idIn({ body }: SmokeAnswer, kind: 'pads' | 'notes'): string {
  const id = new RegExp(`href="/${kind}/(\\d+)/?"`).exec(body)?.[1]
  if (id === undefined) {
    throw new AppError(`the page lists no link to /${kind}/…, although one was just made`, {
      code: 'SmokeFailed',
      exitCode: exitCodes.smokeFailed,
    })
  }
  return id
}

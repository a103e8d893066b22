import { randomBytes } from 'node:crypto'
import { loadConfig } from '../config.ts'
import { AppError, exitCodes, type ExitCode } from '../errors.ts'
import { runJob } from './report.ts'
import { SmokeClient, type SmokeAnswer } from './smoke-client.ts'

/** Flags of `smoke`. */
export interface SmokeFlags {
  readonly base: string
}

/**
 * `smoke`: the story of a synthetic account on a running Notejam. Of the environment it needs `TERMINATION_LOG`, and `READ_ONLY` where the app
 * has it: then nothing can be written, so it reads what everybody may read and sees that a write is refused politely. Without it a Notejam
 * that refuses writes (its database was demoted) fails.
 */
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
  // Nothing else is read: what only the app has, such as a mounted authority, need not be here.
  const { READ_ONLY, TERMINATION_LOG } = process.env
  const { readOnly, terminationLog } = loadConfig({ READ_ONLY, TERMINATION_LOG }, {})
  return runJob('smoke', { terminationLog, print }, async () => {
    const started = performance.now()
    const client = new SmokeClient(base)
    await (readOnly ? readOnlyStory(client) : story(client))
    return {
      outcome: readOnly ? 'PassedReadOnly' : 'Passed',
      steps: client.steps.length,
      durationMs: Math.round(performance.now() - started),
    }
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
  client.hide(password)
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

async function readOnlyStory(client: SmokeClient): Promise<void> {
  await client.page('sign-up page', '/signup/', 'confirm_password')
  await client.page('sign-in page', '/signin/', 'password')
  await client.page('description of the API', '/api/v1/openapi.json', '"openapi"')
  await client.status('a page that is not there', '/smoke/', 404)
  await client.refused('a refused write', '/signin/', { email: 'smoke@notejam.invalid', password: 'smoke' }, 503)
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
  await client.page('edit page of the pad', `/pads/${pad}/edit/`, padName)
  const preview = await client.formPage('preview', '/notes/preview/', { name: noteName, text: `**${mark}**` })
  if (!preview.body.includes(`<strong>${mark}</strong>`)) {
    throw new AppError('the preview does not show Markdown', { code: 'SmokeFailed', exitCode: exitCodes.smokeFailed })
  }
  await client.page('export', '/settings/export/', 'ZIP')
  const tokens = await client.formPage('create a token', '/settings/tokens/', { name: mark, scope: 'read', days: '30' })
  const token = /<code>([^<…]+)<\/code>/.exec(tokens.body)?.[1] ?? ''
  client.hide(token)
  await client.api('notes by the API', '/api/v1/notes', token, noteName)
  await client.status('a note that is not there', '/notes/999999999999/', 404)
  await client.form('delete the note', `/notes/${note}/delete/`, {})
  await client.status('the deleted note', `/notes/${note}/`, 404)
  await client.page('deleted things', '/deletions/', noteName)
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

import type { Page } from 'playwright-core'
import { extremes, recipe } from './browser-samples.ts'
import type { Person, Server, World } from './browser-world.ts'

/** One page as somebody sees it, and how they get there. */
export interface PageCase {
  /** Name of its picture. */
  readonly name: string
  /** The route that answers, as in the app: `GET /notes/:id`; `none` where no route does. */
  readonly route: string
  readonly status?: number
  readonly who?: 'ada' | 'newcomer' | 'extreme'
  readonly server?: Server
  /** Begins a section of the page of pictures, which shows this case below it. */
  readonly shown?: string
  /** Opens it; the last document that arrives is the page. */
  readonly open: (page: Page, world: World, person: Person) => Promise<void>
}

/** Routes that answer with a file or lead elsewhere, so there is nothing to look at. */
export const pagelessRoutes: readonly string[] = [
  'GET /settings/export/notes.zip',
  'GET /settings/export/notes.json',
  'POST /signout',
  'POST /settings/sign-out-everywhere',
  'POST /settings/sessions/:id/end',
  'POST /settings/tokens/:id/revoke',
  'POST /notes/:id/delete',
  'POST /pads/:id/delete',
  'POST /deletions/:id/undo',
]

type Path = string | ((world: World, person: Person) => string)

/** Opens an address. */
function at(path: Path): PageCase['open'] {
  return async (page, world, person) => {
    await page.goto(new URL(typeof path === 'string' ? path : path(world, person), page.url()).href)
  }
}

/** What is touched of a field in the page, whose types this program does not have. */
interface Field {
  value: string
  readonly form: { noValidate: boolean }
  removeAttribute(name: string): void
}

/** Opens an address, types, and sends what was typed past the checks of the browser, which would keep most errors from us. */
function sent(path: Path, fields: Readonly<Record<string, string>>, button = 'Save'): PageCase['open'] {
  return async (page, world, person) => {
    await at(path)(page, world, person)
    for (const [name, value] of Object.entries(fields)) {
      await page.locator(`main [name=${name}]`).evaluate((element, text) => {
        const field = element as unknown as Field
        field.removeAttribute('maxlength')
        field.value = text
        field.form.noValidate = true
      }, value)
    }
    await Promise.all([page.waitForEvent('load'), page.getByRole('main').getByRole('button', { name: button, exact: true }).click()])
  }
}

/** Asks for a page that a browser does not ask for by itself. */
function asked(method: string, path: string, postData?: string): PageCase['open'] {
  return async (page) => {
    const { href } = new URL(path, page.url())
    await page.route(href, (route) =>
      route.continue({
        method,
        ...(postData === undefined ? {} : { postData, headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
      }),
    )
    await page.goto(href)
    await page.unroute(href)
  }
}

const note =
  (name?: string) =>
  (_world: World, person: Person): string =>
    `/notes/${(name === undefined ? person.notes.values().next().value : person.notes.get(name)) ?? 0}/`
const pad =
  (name?: string) =>
  (_world: World, person: Person): string =>
    `/pads/${(name === undefined ? person.pads.values().next().value : person.pads.get(name)) ?? 0}/`
const below =
  (path: (world: World, person: Person) => string, rest: string): Path =>
  (world, person) =>
    `${path(world, person)}${rest}`

/** Opens a mailed link. */
function byMail(then: (path: string) => PageCase['open']): PageCase['open'] {
  return async (page, world, person) => {
    const origin = { address: '192.0.2.7', userAgent: '' }
    await world.services.accounts.askForReset(world.newcomer.email, world.urls.usual, origin)
    const link = /\/recover-password\/\S+/.exec(world.app.mails.at(-1)?.text ?? '')?.[0] ?? '/no-mail'
    await then(link)(page, world, person)
  }
}

/** Opens a form, lets the same thing be changed elsewhere, and sends it. */
function overtaken(
  path: Path,
  fields: Readonly<Record<string, string>>,
  change: (world: World, person: Person) => Promise<unknown>,
): PageCase['open'] {
  return async (page, world, person) => {
    const pathname = typeof path === 'string' ? path : path(world, person)
    await page.route(`**${pathname}`, async (route) => {
      if (route.request().method() === 'POST') await change(world, person)
      await route.continue()
    })
    await sent(pathname, fields)(page, world, person)
    await page.unrouteAll()
  }
}

/** The same names with other letters, so that lists stay as they are when something is saved and changed back. */
const mine = 'Leek and potato soup\nBread, see the other note\n\nPears from the market'
const stored = 'Leek and potato soup\nBread, see the other note\n\nApples from the garden, if there are any left'

const people: readonly PageCase[] = [
  { name: 'sign-up', route: 'GET /signup', shown: 'Sign up', open: at('/signup/') },
  {
    name: 'sign-up-errors',
    route: 'POST /signup',
    open: sent('/signup/', { email: 'ada@example', password: 'short', confirm_password: 'other' }, 'Sign Up'),
  },
  { name: 'sign-in', route: 'GET /signin', shown: 'Sign in', open: at('/signin/') },
  {
    name: 'sign-in-wrong',
    route: 'POST /signin',
    open: sent('/signin/', { email: 'ada@example.org', password: 'incorrect horse' }, 'Sign In'),
  },
  { name: 'sign-in-first', route: 'GET /signin', open: at('/notes/create/') },
  { name: 'sign-out', route: 'GET /signout', who: 'ada', open: at('/signout/') },
  { name: 'forgot-password', route: 'GET /forgot-password', shown: 'Forgotten password', open: at('/forgot-password/') },
  { name: 'forgot-password-error', route: 'POST /forgot-password', open: sent('/forgot-password/', { email: 'ada' }, 'Get new password') },
  { name: 'new-password', route: 'GET /recover-password/:token', open: byMail(at) },
  {
    name: 'new-password-errors',
    route: 'POST /recover-password/:token',
    open: byMail((link) => sent(link, { password: 'short', confirm_password: 'other' })),
  },
  { name: 'link-used', route: 'GET /recover-password/:token', status: 404, open: at('/recover-password/used-before/') },
]

const lists: readonly PageCase[] = [
  { name: 'notes', route: 'GET /', who: 'ada', shown: 'All notes', open: at('/') },
  { name: 'notes-second-page', route: 'GET /', who: 'ada', open: at('/?order=name&page=2') },
  { name: 'notes-empty', route: 'GET /', who: 'newcomer', shown: 'Before the first note', open: at('/') },
  { name: 'notes-extreme', route: 'GET /', who: 'extreme', open: at('/?page=1') },
  { name: 'notes-extreme-pages', route: 'GET /', who: 'extreme', open: at('/?page=8') },
  { name: 'pad', route: 'GET /pads/:id', who: 'ada', shown: 'A pad', open: at(pad('Work')) },
  { name: 'pad-empty', route: 'GET /pads/:id', who: 'ada', open: at(pad('Garden')) },
  { name: 'pad-extreme', route: 'GET /pads/:id', who: 'extreme', open: at(pad()) },
  { name: 'search', route: 'GET /search', who: 'ada', shown: 'Search', open: at('/search/?q=bread') },
  { name: 'search-nothing', route: 'GET /search', who: 'ada', open: at('/search/?q=submarine') },
  { name: 'search-empty', route: 'GET /search', who: 'ada', open: at('/search/') },
  { name: 'search-extreme', route: 'GET /search', who: 'extreme', open: at('/search/?q=donau') },
  {
    name: 'deletions',
    route: 'GET /deletions',
    who: 'ada',
    shown: 'Recently deleted',
    open: async (page, world, person) => {
      const kept = { name: 'Draft of a letter', text: 'Dear all,', padId: null }
      const { id } = await world.services.notes.create(person.userId, kept)
      await world.services.notes.delete(person.userId, id)
      await at('/deletions/')(page, world, person)
    },
  },
  { name: 'deletions-empty', route: 'GET /deletions', who: 'newcomer', open: at('/deletions/') },
  {
    name: 'deleted',
    route: 'GET /',
    who: 'ada',
    shown: 'After a deletion',
    open: async (page, world, person) => {
      const kept = { name: 'Draft of a letter', text: 'Dear all,', padId: null }
      const { id } = await world.services.notes.create(person.userId, kept)
      await sent(`/notes/${id}/delete/`, {}, 'Yes, I want to delete this note')(page, world, person)
    },
  },
]

const forms: readonly PageCase[] = [
  { name: 'note', route: 'GET /notes/:id', who: 'ada', shown: 'A note', open: at(note('What to cook on Sunday')) },
  {
    name: 'note-markdown',
    route: 'GET /notes/:id',
    who: 'ada',
    shown: 'A note read as Markdown',
    open: at(below(note('Sourdough'), '?format=markdown')),
  },
  { name: 'note-extreme', route: 'GET /notes/:id', who: 'extreme', open: at(note()) },
  { name: 'note-markdown-extreme', route: 'GET /notes/:id', who: 'extreme', open: at(below(note(extremes.word), '?format=markdown')) },
  {
    name: 'note-heading-extreme',
    route: 'GET /notes/:id',
    who: 'extreme',
    open: at(below(note('word '.repeat(19).trim()), '?format=markdown')),
  },
  { name: 'note-right-to-left', route: 'GET /notes/:id', who: 'extreme', open: at(note(extremes.rightToLeft)) },
  { name: 'note-create', route: 'GET /notes/create', who: 'ada', shown: 'A new note', open: at('/notes/create/') },
  {
    name: 'note-create-errors',
    route: 'POST /notes/create',
    who: 'ada',
    shown: 'Errors in a form',
    open: sent('/notes/create/', { name: 'x'.repeat(101), text: ' ' }),
  },
  {
    name: 'note-preview',
    route: 'POST /notes/preview',
    who: 'ada',
    open: sent('/notes/create/', { name: 'Sourdough', text: recipe }, 'Preview'),
  },
  { name: 'note-edit', route: 'GET /notes/:id/edit', who: 'ada', shown: 'Changing a note', open: at(below(note('Sourdough'), 'edit/')) },
  { name: 'note-edit-extreme', route: 'GET /notes/:id/edit', who: 'extreme', open: at(below(note(extremes.word), 'edit/')) },
  { name: 'note-edit-errors', route: 'POST /notes/:id/edit', who: 'ada', open: sent(below(note('Shopping'), 'edit/'), { name: ' ' }) },
  { name: 'note-edit-preview', route: 'POST /notes/:id/preview', who: 'ada', open: sent(below(note('Sourdough'), 'edit/'), {}, 'Preview') },
  {
    name: 'note-conflict',
    route: 'POST /notes/:id/edit',
    who: 'ada',
    status: 409,
    shown: 'A note that was changed in two places',
    open: overtaken(below(note('What to cook on Sunday'), 'edit/'), { text: mine }, async ({ services }, { userId, notes }) =>
      services.notes.change(userId, notes.get('What to cook on Sunday') ?? 0, { text: stored }),
    ),
  },
  {
    name: 'note-conflict-extreme',
    route: 'POST /notes/:id/edit',
    who: 'extreme',
    status: 409,
    open: overtaken(below(note(), 'edit/'), { text: 'y'.repeat(500) }, async ({ services }, { userId, notes }) =>
      services.notes.change(userId, notes.values().next().value ?? 0, { text: 'z'.repeat(500) }),
    ),
  },
  {
    name: 'note-delete',
    route: 'GET /notes/:id/delete',
    who: 'ada',
    shown: 'Deleting a note',
    open: at(below(note('Shopping'), 'delete/')),
  },
  { name: 'pad-create', route: 'GET /pads/create', who: 'ada', shown: 'A new pad', open: at('/pads/create/') },
  { name: 'pad-create-errors', route: 'POST /pads/create', who: 'ada', open: sent('/pads/create/', { name: 'x'.repeat(101) }) },
  { name: 'pad-edit', route: 'GET /pads/:id/edit', who: 'ada', shown: 'Changing a pad', open: at(below(pad('Work'), 'edit/')) },
  { name: 'pad-edit-errors', route: 'POST /pads/:id/edit', who: 'ada', open: sent(below(pad('Work'), 'edit/'), { name: ' ' }) },
  {
    name: 'pad-conflict',
    route: 'POST /pads/:id/edit',
    who: 'ada',
    status: 409,
    open: overtaken(below(pad('Garden'), 'edit/'), { name: 'Flowers' }, async ({ services }, { userId, pads }) =>
      services.pads.rename(userId, pads.get('Garden') ?? 0, { name: 'Garden' }),
    ),
  },
  { name: 'pad-delete', route: 'GET /pads/:id/delete', who: 'ada', shown: 'Deleting a pad', open: at(below(pad('Work'), 'delete/')) },
  { name: 'pad-delete-empty', route: 'GET /pads/:id/delete', who: 'ada', open: at(below(pad('Garden'), 'delete/')) },
  { name: 'pad-delete-extreme', route: 'GET /pads/:id/delete', who: 'extreme', open: at(below(pad(), 'delete/')) },
]

const settings: readonly PageCase[] = [
  { name: 'settings', route: 'GET /settings', who: 'ada', shown: 'Account settings', open: at('/settings/') },
  { name: 'settings-extreme', route: 'GET /settings', who: 'extreme', open: at('/settings/') },
  {
    name: 'settings-errors',
    route: 'POST /settings',
    who: 'ada',
    open: sent('/settings/', { old_password: 'wrong', new_password: 'short', confirm_new_password: 'other' }),
  },
  { name: 'tokens-empty', route: 'GET /settings/tokens', who: 'newcomer', open: at('/settings/tokens/') },
  {
    name: 'token-created',
    route: 'POST /settings/tokens',
    who: 'ada',
    shown: 'Tokens for the API',
    open: sent('/settings/tokens/', { name: 'Laptop' }, 'Create token'),
  },
  { name: 'tokens', route: 'GET /settings/tokens', who: 'ada', open: at('/settings/tokens/') },
  { name: 'token-errors', route: 'POST /settings/tokens', who: 'ada', open: sent('/settings/tokens/', { name: ' ' }, 'Create token') },
  {
    name: 'token-extreme',
    route: 'POST /settings/tokens',
    who: 'extreme',
    open: sent('/settings/tokens/', { name: 'W'.repeat(100) }, 'Create token'),
  },
  { name: 'export', route: 'GET /settings/export', who: 'ada', shown: 'Export', open: at('/settings/export/') },
  { name: 'account-delete', route: 'GET /settings/delete', who: 'ada', shown: 'Deleting the account', open: at('/settings/delete/') },
  {
    name: 'account-delete-error',
    route: 'POST /settings/delete',
    who: 'ada',
    open: sent('/settings/delete/', { password: 'wrong' }, 'Yes, I want to delete my account'),
  },
]

const troubles: readonly PageCase[] = [
  { name: 'bad-request', route: 'none', status: 400, open: at('/%00') },
  {
    name: 'not-allowed',
    route: 'none',
    status: 403,
    open: async (page) => {
      const action = new URL('/signin/', page.url()).href
      await page.goto(`data:text/html,<form method="post" action="${action}"><button>Go</button></form>`)
      await Promise.all([page.waitForURL(action), page.getByRole('button').click()])
    },
  },
  { name: 'not-found', route: 'none', who: 'ada', status: 404, shown: 'A page that is not there', open: at('/no/such/page/') },
  { name: 'not-found-nobody', route: 'none', status: 404, open: at('/no/such/page/') },
  { name: 'not-found-note', route: 'GET /notes/:id', who: 'newcomer', status: 404, open: at('/notes/1/') },
  { name: 'wrong-method', route: 'none', who: 'ada', status: 405, open: asked('PUT', '/') },
  { name: 'too-large', route: 'none', who: 'ada', status: 413, open: asked('POST', '/notes/create/', `text=${'x'.repeat(1_400_000)}`) },
  {
    name: 'too-many',
    route: 'none',
    status: 429,
    server: 'throttled',
    open: async (page, world, person) => {
      const attempt = sent('/signin/', { email: 'ada@example.org', password: 'wrong' }, 'Sign In')
      await attempt(page, world, person)
      await attempt(page, world, person)
    },
  },
  { name: 'defect', route: 'none', who: 'ada', server: 'broken', status: 500, open: at('/') },
  { name: 'read-only', route: 'GET /', who: 'ada', server: 'readOnly', shown: 'While Notejam can only be read', open: at('/') },
  {
    name: 'read-only-refused',
    route: 'none',
    who: 'ada',
    server: 'readOnly',
    status: 503,
    open: sent('/pads/create/', { name: 'Travel' }),
  },
]

/** Every page in every state that looks different. `browser-pages.test.ts` compares it with the routes that the app has. */
export const pageCases: readonly PageCase[] = [...people, ...lists, ...forms, ...settings, ...troubles]

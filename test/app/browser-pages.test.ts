import { mkdir } from 'node:fs/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../app/src/http/app.ts'
import { launchChromium } from '../support/chromium.ts'
import { check, restyle } from './browser-checks.ts'
import { type PageCase, pageCases, pagelessRoutes } from './browser-pages.ts'
import { listenForComplaints, noon, openContext, startWorld, type World } from './browser-world.ts'
import { writePageOfPictures } from './pictures.ts'

/** `PICTURES=1` keeps what is seen for docs/reference/pictures.md. */
const pictures = process.env['PICTURES'] === '1' ? 'docs/images/app' : undefined
const desktop = { width: 1100, height: 700 }
const phone = { width: 375, height: 667 }
/** WCAG 1.4.12, and 1.4.4 with text alone at twice its size. */
const restyles = {
  'spaced text':
    '* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important }',
  'text of twice the size': 'html { font-size: 175% !important }',
} as const

let chromium: Browser
let world: World

beforeAll(async () => {
  ;[chromium, world] = await Promise.all([launchChromium(), startWorld()])
  if (pictures !== undefined) await mkdir(pictures, { recursive: true })
})

afterAll(async () => {
  await chromium.close()
  await world[Symbol.asyncDispose]()
  if (pictures !== undefined) await writePageOfPictures()
})

test('no route of the app is without a page here, and no page is of a route that is gone', () => {
  const app = createApp(world.app.context)
  const routes = app.router.stack.flatMap(({ route }) =>
    route === undefined ? [] : route.stack.map(({ method }) => `${method.toUpperCase()} ${route.path}`),
  )

  const shown = new Set([...pageCases.map(({ route }) => route), ...pagelessRoutes])
  shown.delete('none')

  expect([...shown].toSorted()).toEqual([...new Set(routes)].toSorted())
})

test('while nothing can be saved, every page says so before somebody types', async () => {
  const noticeAt = async (url: string): Promise<boolean> => (await (await fetch(`${url}/signin/`)).text()).includes('class="notice"')

  expect(await noticeAt(world.urls.readOnly)).toBe(true)
  expect(await noticeAt(world.urls.usual)).toBe(false)
})

describe.each([
  ['people', 0],
  ['lists', 1],
  ['forms', 2],
  ['settings and troubles', 3],
] as const)('pages, part %s', (_name, part) => {
  // Several at once: a page waits for its browser most of its time.
  test.concurrent.each(pageCases.filter((_case, index) => index % 4 === part))('$name', async (one) => {
    await using visit = await open(one)
    const { page, complaints, status } = visit

    expect(status(), 'status').toBe(one.status ?? 200)
    const findings: string[] = await findingsOf(one, page)
    expect(findings).toEqual([])
    expect(complaints, 'console and content security policy').toEqual([])
  })
})

/** Everything that is wrong with a page, with where it is. */
async function findingsOf(one: PageCase, page: Page): Promise<string[]> {
  const findings: string[] = []
  const look = async (where: string, ...checks: Parameters<typeof check> extends [Page, ...infer C] ? C : never): Promise<void> => {
    findings.push(...(await check(page, ...checks)).map((finding) => `${where}: ${finding}`))
  }
  // First, because taking a picture leaves a style of its own behind.
  await look('as it came', 'inline')
  for (const [size, viewport] of Object.entries({ desktop, phone })) {
    await page.setViewportSize(viewport)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await keepPicture(one, page, size, colorScheme)
      // The document is the same by day and by night; what only colours decide is asked again.
      await look(`${size}, ${colorScheme}`, colorScheme === 'light' ? 'axe' : 'colours')
    }
    await look(size, 'width', 'targets', 'focus')
  }
  // 320 pixels are a desktop of 1280 at 400 % (1.4.10), 640 one at 200 %.
  for (const width of [320, 640]) {
    await page.setViewportSize({ width, height: 600 })
    await look(`${width} px`, 'width')
  }
  await page.setViewportSize(desktop)
  for (const [name, css] of Object.entries(restyles)) {
    await restyle(page, css)
    await look(name, 'width')
  }
  await restyle(page, '')
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
  await look('reduced motion', 'motion')
  return findings
}

async function open(one: PageCase) {
  const person = one.who === undefined ? undefined : world[one.who]
  const context = await openContext(chromium, world, person, { viewport: desktop })
  const page = await context.newPage()
  const complaints = listenForComplaints(page)
  let status = 0
  page.on('response', (response) => {
    if (response.request().isNavigationRequest() && response.status() !== 302) status = response.status()
  })
  world.toNoon()
  await page.clock.setFixedTime(noon)
  await page.goto(`${world.urls[one.server ?? 'usual']}/assets/icon.svg`)
  await one.open(page, world, person ?? world.newcomer)
  return { page, complaints, status: () => status, [Symbol.asyncDispose]: () => context.close() }
}

/** The first window of a page, in the three ways that the page of pictures shows. */
async function keepPicture({ name, shown }: PageCase, page: Page, size: string, colorScheme: 'light' | 'dark'): Promise<void> {
  if (pictures === undefined || shown === undefined || (size === 'phone' && colorScheme === 'dark')) return
  await page.screenshot({ path: `${pictures}/${name}-${size === 'phone' ? 'phone' : colorScheme}.png`, animations: 'disabled' })
}

import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchChromium } from '../support/chromium.ts'
import { check } from './browser-checks.ts'
import { Keyboard } from './browser-keyboard.ts'
import { listenForComplaints, openContext, startWorld, type World } from './browser-world.ts'

let chromium: Browser
let world: World

beforeAll(async () => {
  ;[chromium, world] = await Promise.all([launchChromium(), startWorld()])
})

afterAll(async () => {
  await chromium.close()
  await world[Symbol.asyncDispose]()
})

const heading = async (page: Page): Promise<string> => (await page.locator('h1').innerText()).replaceAll(/\s+/g, ' ')
const alertOf = async (page: Page): Promise<string> => page.locator('.alert').innerText()

describe('a new user', () => {
  test('gets everything done by keyboard alone, and always sees where the focus is', async () => {
    await using context = await openContext(chromium, world)
    const page = await context.newPage()
    const complaints = listenForComplaints(page)
    const keys = new Keyboard(page)
    const email = 'keys@example.org'

    // The first field has the focus; a mistake leads to the summary of errors, and from there to the field.
    await page.goto(`${world.urls.usual}/signup/`)
    expect(await keys.focused()).toBe('Email')
    await keys.type(email)
    await keys.tabTo('Password')
    await keys.type('short')
    await keys.tabTo('Confirm password')
    await keys.type('short')
    await keys.go()
    expect(await page.title()).toBe('Error: Sign Up')
    expect(await keys.focused()).toContain('Please correct this')
    await keys.press('Tab', 'Enter')
    expect(await keys.focused()).toBe('Password')
    await keys.type('a longer password')
    await keys.tabTo('Confirm password')
    await keys.type('a longer password')
    await keys.go()
    expect(await alertOf(page)).toContain('Account is created')

    await keys.type(email)
    await keys.tabTo('Password')
    await keys.type('a longer password')
    await keys.go()
    expect(await heading(page)).toContain('All notes (0)')

    // The first stop of a page leads past its head and the pads.
    await keys.press('Tab')
    expect(await keys.focused()).toBe('Skip to the content')
    await keys.press('Enter', 'Tab')
    expect(await keys.focused()).toBe('Search notes')
    await page.reload()

    await keys.follow('New pad')
    await keys.type('Kitchen')
    await keys.go()
    expect(await alertOf(page)).toBe('Pad is successfully created')

    await keys.follow('New note')
    await keys.type('Bread')
    await keys.tabTo('Text')
    await keys.type('Flour and water')
    await keys.tabTo('Pad')
    await keys.type('K')
    await keys.go('Control+Enter')
    expect(await heading(page)).toContain('Kitchen (1)')

    await keys.follow('Bread')
    await keys.follow('Edit')
    await keys.tabTo('Text')
    await keys.press('Control+End')
    await keys.type(' and salt')
    await keys.follow('Save')
    expect(await page.locator('.text').innerText()).toBe('Flour and water and salt')

    await keys.press('Control+k')
    expect(await keys.focused()).toBe('Search notes')
    await keys.type('salt')
    await keys.go()
    expect(await heading(page)).toContain('Search (1)')
    await keys.follow('Bread')

    await keys.follow('Delete it')
    await keys.follow('Yes, I want to delete this note')
    expect(await alertOf(page)).toContain('Note is successfully deleted')
    await keys.follow('Undo')
    expect(await alertOf(page)).toBe('Note is successfully restored')
    expect(await heading(page)).toContain('Kitchen (1)')

    await keys.follow('Account settings')
    await keys.tabTo('Current password')
    await keys.type('a longer password')
    await keys.tabTo('New password')
    await keys.type('another password')
    await keys.tabTo('Confirm new password')
    await keys.type('another password')
    await keys.go()
    expect(await alertOf(page)).toBe('Password is successfully changed')
    await keys.follow('Sign out')
    expect(await heading(page)).toContain('Sign In')

    expect(keys.findings).toEqual([])
    expect(complaints).toEqual([])
  })

  test('gets everything done without scripts', async () => {
    await using context = await openContext(chromium, world, undefined, { javaScriptEnabled: false })
    const page = await context.newPage()
    const complaints = listenForComplaints(page)
    const [email, password] = ['plain@example.org', 'a longer password']
    const main = page.getByRole('main')
    const press = async (name: string): Promise<void> => main.getByRole('button', { name, exact: true }).click()
    const follow = async (name: string): Promise<void> => page.getByRole('link', { name, exact: true }).first().click()

    await page.goto(`${world.urls.usual}/`)
    expect(await heading(page)).toContain('Sign In')
    await follow('Sign up')
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByLabel('Confirm password').fill('another one')
    await press('Sign Up')
    expect(await alertOf(page)).toContain('Your passwords do not match')
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByLabel('Confirm password').fill(password)
    await press('Sign Up')
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password', { exact: true }).fill(password)
    await press('Sign In')
    expect(await heading(page)).toContain('All notes (0)')

    await follow('New pad')
    await page.getByLabel('Name').fill('Kitchen')
    await press('Save')
    await follow('New note')
    await page.getByLabel('Name').fill('Bread')
    await page.getByLabel('Text').fill('# Flour and water')
    await page.getByLabel('Pad', { exact: true }).selectOption('Kitchen')
    await press('Preview')
    expect(await main.getByRole('heading', { name: 'Flour and water' }).count()).toBe(1)
    await press('Save')
    expect(await heading(page)).toContain('Kitchen (1)')
    expect(await main.locator('time').innerText()).toMatch(/^Today at \d\d:\d\d$/)

    await follow('Bread')
    await follow('Show as Markdown')
    await follow('Edit')
    await page.getByLabel('Text').fill('Flour, water and salt')
    await press('Save')
    expect(await alertOf(page)).toBe('Note is successfully updated')
    await page.getByLabel('Search notes').fill('salt')
    await press('Search')
    expect(await heading(page)).toContain('Search (1)')
    await follow('Bread')
    await follow('Delete it')
    await press('Yes, I want to delete this note')
    await press('Undo')
    expect(await alertOf(page)).toBe('Note is successfully restored')

    await follow('Account settings')
    await page.getByLabel('Current password').fill(password)
    await page.getByLabel('New password', { exact: true }).fill('another password')
    await page.getByLabel('Confirm new password').fill('another password')
    await press('Save')
    expect(await alertOf(page)).toBe('Password is successfully changed')
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    expect(await heading(page)).toContain('Sign In')
    expect(complaints).toEqual([])
  })
})

describe('the content security policy', () => {
  test('lets no script and no style run that somebody got into a page', async () => {
    await using context = await openContext(chromium, world)
    const page = await context.newPage()
    const complaints = listenForComplaints(page)
    await page.route('**/signin/', async (route) => {
      const response = await route.fetch()
      const injected = `<script>document.documentElement.id = 'script'</script><img alt="" src="/none.svg" onerror="document.documentElement.id = 'handler'">
        <style>html { color: red }</style><p style="color: red">styled</p><a href="javascript:document.documentElement.id = 'link'">link</a>`
      await route.fulfill({ response, body: (await response.text()).replace('<main id="content"', `${injected}<main id="content"`) })
    })
    await page.goto(`${world.urls.usual}/signin/`)
    await page.getByRole('link', { name: 'link', exact: true }).click()

    expect(await page.locator('html').getAttribute('id')).toBeNull()
    expect(
      await page.evaluate(`[...document.querySelectorAll('html, p')].map((element) => getComputedStyle(element).color)`),
    ).not.toContain('rgb(255, 0, 0)')
    expect(await check(page, 'inline')).toHaveLength(4)
    // The same listener hears nothing on any page of the app.
    for (const kind of ['inline script', 'inline event handler', 'inline style']) {
      expect(complaints.join('\n')).toContain(kind)
    }
  })
})

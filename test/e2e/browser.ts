import { launchChromium } from '../support/chromium.ts'

/** Who signs in, and the note that is written. */
interface BrowserStory {
  readonly email: string
  readonly password: string
  readonly note: string
}

/** Signs in with a real browser, writes a note, and returns the names in the list of all notes. The file `picture` keeps what is then seen. */
export async function writeNoteInBrowser(url: string, story: BrowserStory, picture: string): Promise<readonly string[]> {
  const browser = await launchChromium()
  try {
    const page = await browser.newPage({ viewport: { width: 1000, height: 620 } })
    await page.goto(`${url}/signin/`)
    await page.fill('input[name=email]', story.email)
    await page.fill('input[name=password]', story.password)
    await page.click('main button[type=submit]:not([role=search] *)')
    await page.goto(`${url}/notes/create/`)
    await page.fill('input[name=name]', story.note)
    await page.fill('textarea[name=text]', 'With a real keyboard, nearly.')
    await page.click('main form:has(textarea) button[type=submit]')
    await page.goto(`${url}/`)
    await page.screenshot({ path: picture })
    return await page.locator('main a[href^="/notes/"]').allInnerTexts()
  } finally {
    await browser.close()
  }
}

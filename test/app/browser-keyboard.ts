import type { Page } from 'playwright-core'

/** Where the focus is, and whether one sees it. */
interface Stop {
  /** What a screen reader says: label, text, or the name of the element. */
  readonly name: string
  readonly inMain: boolean
  readonly top: number
  /** Why it cannot be seen; undefined when it can. */
  readonly unseen?: string
}

/** More stops than the longest page of these tests has. */
const maxStops = 80

const readStop = `(() => {
  const element = document.activeElement ?? document.body
  const name = element.getAttribute('aria-label') ?? element.labels?.[0]?.innerText ?? (element.innerText || element.localName)
  const { top, bottom, left, right, width } = element.getBoundingClientRect()
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  const unseen =
    outlineStyle === 'none' || parseFloat(outlineWidth) < 2 ? 'has no outline'
    : width === 0 || bottom <= 0 || top >= innerHeight || right <= 0 || left >= innerWidth ? 'is out of sight'
    : undefined
  return { name: name.trim(), inMain: element.closest('main') !== null, top: top + scrollY, unseen: element === document.body ? undefined : unseen }
})()`

/** A person without a mouse: presses keys, and is told what was wrong on the way. */
export class Keyboard {
  /** Stops that could not be seen, and steps back up the page. */
  readonly findings: string[] = []
  readonly #page: Page

  constructor(page: Page) {
    this.#page = page
  }

  /** What has the focus. */
  async focused(): Promise<string> {
    return (await this.#stop()).name
  }

  /** Presses Tab until `name` has the focus. @throws Error with all stops when none is called so */
  async tabTo(name: string): Promise<void> {
    let before = await this.#stop()
    const seen: string[] = []
    for (let count = 0; count < maxStops; count += 1) {
      await this.#page.keyboard.press('Tab')
      const stop = await this.#stop()
      if (stop.unseen !== undefined) this.findings.push(`${this.#page.url()}: "${stop.name}" ${stop.unseen}`)
      // A line of text may stand a little higher than the one before it; half a field may not.
      if (before.inMain && stop.inMain && stop.top < before.top - 40) {
        this.findings.push(`${this.#page.url()}: from "${before.name}" the focus goes up to "${stop.name}"`)
      }
      if (stop.name === name) return
      seen.push(stop.name)
      before = stop
    }
    throw new Error(`${this.#page.url()} has no stop "${name}", but ${seen.join(', ')}`)
  }

  async type(text: string): Promise<void> {
    await this.#page.keyboard.type(text)
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#page.keyboard.press(key)
  }

  /** Presses a key that leads to another page, and waits for it. */
  async go(key = 'Enter'): Promise<void> {
    await Promise.all([this.#page.waitForEvent('load'), this.#page.keyboard.press(key)])
    // A browser gives the first field its focus a little later than that.
    await this.#page.waitForFunction(`document.querySelector('[autofocus]') === null || document.activeElement !== document.body`)
  }

  /** Goes to what is called `name`, and follows or presses it. */
  async follow(name: string): Promise<void> {
    await this.tabTo(name)
    await this.go()
  }

  async #stop(): Promise<Stop> {
    return await this.#page.evaluate<Stop>(readStop)
  }
}

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const sources = [createRequire(import.meta.url).resolve('axe-core/axe.min.js'), new URL('browser-checks.js', import.meta.url)].map((file) =>
  readFileSync(file, 'utf8'),
)

/** One of the checks in `browser-checks.js`. */
export type PageCheck = 'axe' | 'colours' | 'width' | 'targets' | 'focus' | 'motion' | 'inline'

/** Runs checks in the page as it stands, and returns what they find; empty when all is well. */
export async function check(page: Page, ...checks: readonly PageCheck[]): Promise<readonly string[]> {
  await bring(page)
  const findings: string[] = []
  for (const name of checks) findings.push(...(await page.evaluate<string[]>(`pageChecks.${name}()`)))
  return findings
}

/** Adds rules to a page, past its own policy; the empty text takes them away. */
export async function restyle(page: Page, css: string): Promise<void> {
  await bring(page)
  await page.evaluate(`pageChecks.restyle(${JSON.stringify(css)})`)
}

async function bring(page: Page): Promise<void> {
  if (await page.evaluate<boolean>(`'pageChecks' in globalThis`)) return
  for (const source of sources) await page.evaluate(source)
}

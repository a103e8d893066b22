import type { PageWalk } from './page-walk.ts'

/** The steps of `docs/how-to/lost-key.md` for somebody who has kept one of two identities. Afterwards `identity` of the page's folder holds it and the new one. */
export async function walkLostKey(page: PageWalk, keptIdentity: string): Promise<void> {
  await page.keep('identity-kept', `${keptIdentity}\n`)
  await page.run('age-keygen -o identity-new')
  await page.run('cat identity-kept identity-new')
  await page.run('patch njst offsite')
  await page.apply('kind: NotejamBackup\n')
  await page.run('njb/after-the-new-key')
  await page.apply('kind: NotejamRestore')
  await page.run('njr/try-the-new-key')
  page.end()
}

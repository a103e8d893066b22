import { describe } from 'vitest'

/** The suites that speak to the app as people and programs do, and to nothing of one engine. */
const suites = {
  accounts: () => import('../../app/src/accounts/accounts.test.ts'),
  pads: () => import('../../app/src/pads/pads.test.ts'),
  notes: () => import('../../app/src/notes/notes.test.ts'),
  pages: () => import('../../app/src/views/pages.test.ts'),
  limits: () => import('../../app/src/notes/limits.test.ts'),
  concurrency: () => import('../../app/src/notes/concurrency.test.ts'),
  search: () => import('../../app/src/search/search.test.ts'),
  api: () => import('../../app/src/api/api.test.ts'),
  export: () => import('../../app/src/export/routes.test.ts'),
  http: () => import('../../app/src/http/app.test.ts'),
}

/**
 * Registers every feature's suite, to run on new databases of the server that `url` names (`startApp` reads it from the environment).
 *
 * @param url `sqlite:PATH`, where files beginning with that path are made, or the address of an administrator of PostgreSQL or MySQL
 */
export function describeFeatures(url: string): void {
  process.env['TEST_DATABASE_URL'] = url
  for (const [feature, load] of Object.entries(suites)) {
    describe(feature, async () => {
      await load()
    })
  }
}

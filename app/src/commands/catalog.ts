import { catalogReport } from '../archive/catalog-report.ts'
import { listArchives, newestVerified, readEntries } from '../archive/read-catalog.ts'
import type { ExitCode } from '../errors.ts'
import { firstStoreConfig, ownerFrom, withStore } from './archive-job.ts'
import { runStoreJob } from './store-job.ts'

/** Flags of `catalog`. */
export interface CatalogFlags {
  /** Archives that are described one by one. */
  readonly limit: number
}

/** The termination message has 4,096 bytes; the name of the command is in it too. */
const maxBytes = 4000

/** `catalog`: what archives of an instance there are. Reads the store and nothing else. */
export function catalogCommand({ limit }: CatalogFlags): Promise<ExitCode> {
  return runStoreJob('catalog', ({ onNotice }) =>
    withStore(firstStoreConfig(process.env, ['SOURCE_STORE_', 'STORE_']), onNotice, async (store) => {
      const listing = await listArchives(store, ownerFrom(process.env))
      const entries = await readEntries(store, listing.complete.slice(0, limit))
      return catalogReport({ listing, entries, newestVerified: await newestVerified(store, listing), maxBytes })
    }),
  )
}

import type { AppContext } from '../context.ts'
import type { Notes } from '../notes/service.ts'
import type { Pads } from '../pads/service.ts'
import type { Search } from '../search/service.ts'
import { accountOperations } from './account-operations.ts'
import { createApiHandler, type ApiHandler } from './api-handler.ts'
import { noteOperations } from './note-operations.ts'
import { padOperations } from './pad-operations.ts'
import { RateLimiter } from './rate-limit.ts'
import { searchOperations } from './search-operations.ts'
import type { ApiTokens } from './tokens.ts'

/** What the API is built from: the same services that the pages use. */
export interface ApiOptions extends Pick<AppContext, 'config' | 'clock' | 'log'> {
  readonly notes: Notes
  readonly pads: Pads
  readonly search: Search
  readonly tokens: ApiTokens
  readonly version: string
  /** Requests a minute that one token may make of one process; 0 is off. */
  readonly requestsPerMinute?: number
}

/** Enough for a client that copies an account note by note, too little to keep a process busy. */
const defaultRequestsPerMinute = 600

/** Builds the JSON API under `/api/v1`. */
export function createApi(options: ApiOptions): ApiHandler {
  const { notes, pads, search, config, clock, log, tokens, version, requestsPerMinute = defaultRequestsPerMinute } = options
  return createApiHandler({
    config,
    log,
    tokens,
    version,
    limiter: new RateLimiter({ requests: requestsPerMinute, windowSeconds: 60, clock }),
    operations: [...accountOperations(), ...padOperations(pads), ...noteOperations(notes, pads), ...searchOperations(search)],
  })
}

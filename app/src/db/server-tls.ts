import type { ConnectionOptions } from 'node:tls'
import type { ServerConfig } from './database-config.ts'

/** TLS options of Node for a mode; undefined: no TLS. The names and their strength are those of libpq's `sslmode`. */
export function tlsOptions({ tls: { mode, ca } }: ServerConfig): ConnectionOptions | undefined {
  const authority = ca === undefined ? {} : { ca }
  switch (mode) {
    case 'Disable': {
      return undefined
    }
    case 'Require': {
      return { rejectUnauthorized: false }
    }
    case 'VerifyCa': {
      return { ...authority, rejectUnauthorized: true, checkServerIdentity: () => undefined }
    }
    case 'VerifyFull': {
      return { ...authority, rejectUnauthorized: true }
    }
  }
}

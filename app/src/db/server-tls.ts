import type { ConnectionOptions } from 'node:tls'
import { AppError, messageOf } from '../errors.ts'
import type { ServerConfig } from './database-config.ts'

/** TLS options of Node for a mode; undefined: no TLS. The names and their strength are those of libpq's `sslmode`. */
export function tlsOptions({ tls: { mode, ca } }: Pick<ServerConfig, 'tls'>): ConnectionOptions | undefined {
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

interface TlsRefusal {
  /** Of the error's code and message: `mysql2` replaces Node's code by its own. */
  readonly sign: RegExp
  readonly message: (server: string, config: ServerConfig) => string
}

const refusals: readonly TlsRefusal[] = [
  {
    sign: /ALTNAME_INVALID|does not match certificate/i,
    message: (server) =>
      `the certificate of the database server ${server} names another host: connect by a name that it holds, or set DATABASE_TLS=VerifyCa`,
  },
  {
    sign: /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|certificate has expired|certificate is not yet valid/i,
    message: (server) => `the certificate of the database server ${server} is not valid at this time: renew it`,
  },
  {
    sign: /SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)|CERT_SIGNATURE|INVALID_CA|self-signed certificate|unable to (?:verify|get)|certificate signature/i,
    message: (server, { tls }) =>
      `the certificate of the database server ${server} is signed by an authority that is not trusted: ${tls.ca === undefined ? 'name its certificate (PEM) in DATABASE_TLS_CA_FILE' : 'DATABASE_TLS_CA_FILE holds another one'}`,
  },
  {
    sign: /does not support (?:SSL|secure) connection/i,
    message: (server, { tls }) =>
      `the database server ${server} offers no TLS, and DATABASE_TLS is ${tls.mode}: switch TLS on at the server, or set DATABASE_TLS=Disable where the network can be trusted`,
  },
  {
    sign: /no encryption|insecure transport/i,
    message: (server) =>
      `the database server ${server} takes only connections with TLS: set DATABASE_TLS=VerifyFull and DATABASE_TLS_CA_FILE`,
  },
]

/** Tells a connection that failed for its TLS from other failures: one message that says what to do; undefined for all others. */
export function tlsRefusal(error: unknown, config: ServerConfig): AppError | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const text = `${code} ${messageOf(error)}`
  const found = refusals.find(({ sign }) => sign.test(text))
  return found === undefined
    ? undefined
    : new AppError(found.message(`${config.host}:${config.port}`, config), { code: 'DatabaseTlsRefused', cause: error })
}

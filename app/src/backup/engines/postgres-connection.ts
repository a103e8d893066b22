import type { ServerConfig, TlsMode } from '../../db/database-config.ts'
import type { Scratch } from '../scratch.ts'

const sslModes: Readonly<Record<TlsMode, string>> = {
  Disable: 'disable',
  Require: 'require',
  VerifyCa: 'verify-ca',
  VerifyFull: 'verify-full',
}

/** What Debian's `ca-certificates` brings, as in the image. */
const systemAuthorities = '/etc/ssl/certs/ca-certificates.crt'

/** How PostgreSQL's tools reach the server: variables of libpq, so that no password stands among arguments. */
export async function libpqEnvironment(config: ServerConfig, scratch: Scratch, applicationName: string): Promise<Record<string, string>> {
  const { mode, ca } = config.tls
  return {
    PGHOST: config.host,
    PGPORT: String(config.port),
    PGUSER: config.user,
    PGPASSWORD: config.password,
    PGDATABASE: config.database,
    PGAPPNAME: applicationName,
    PGPASSFILE: '/dev/null',
    PGCLIENTENCODING: 'UTF8',
    PGCONNECT_TIMEOUT: '10',
    PGSSLMODE: sslModes[mode],
    ...(mode === 'VerifyCa' || mode === 'VerifyFull'
      ? { PGSSLROOTCERT: ca === undefined ? systemAuthorities : await scratch.write(`${applicationName}-ca.pem`, ca) }
      : {}),
  }
}

import type { ServerConfig } from '../../db/database-config.ts'
import type { Scratch } from '../scratch.ts'

/**
 * Writes how MariaDB's tools reach the server into an option file that only we can read: what stands among arguments or in the environment of
 * others does not matter then. Give it as the first argument, `--defaults-file=PATH`.
 */
export async function mysqlOptionFile(config: ServerConfig, scratch: Scratch, name: string): Promise<string> {
  const lines = [
    '[client]',
    'protocol=tcp',
    `host=${value(config.host)}`,
    `port=${config.port}`,
    `user=${value(config.user)}`,
    `password=${value(config.password)}`,
    ...(await tlsLines(config, scratch, name)),
  ]
  return await scratch.write(`${name}.cnf`, `${lines.join('\n')}\n`)
}

/** MariaDB's clients check the name whenever they check the authority, so `VerifyCa` is as strict as `VerifyFull` here. */
async function tlsLines({ tls: { mode, ca } }: ServerConfig, scratch: Scratch, name: string): Promise<string[]> {
  switch (mode) {
    case 'Disable': {
      return ['skip-ssl']
    }
    case 'Require': {
      return ['ssl', 'disable-ssl-verify-server-cert']
    }
    case 'VerifyCa':
    case 'VerifyFull': {
      const file = ca === undefined ? systemAuthorities : await scratch.write(`${name}-ca.pem`, ca)
      return ['ssl', `ssl-ca=${value(file)}`, 'ssl-verify-server-cert']
    }
  }
}

/** What Debian's `ca-certificates` brings, as in the image. */
const systemAuthorities = '/etc/ssl/certs/ca-certificates.crt'

/** A value as option files take it (MariaDB: "Configuring MariaDB with Option Files", escapes). */
function value(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
  return `"${escaped}"`
}

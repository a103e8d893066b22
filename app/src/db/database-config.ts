import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { messageOf } from '../errors.ts'
import type { Engine } from './engine.ts'

/** How the connection to a database server is protected; the names are those of the custom resource. */
export type TlsMode = 'Disable' | 'Require' | 'VerifyCa' | 'VerifyFull'

const tlsModes: readonly TlsMode[] = ['Disable', 'Require', 'VerifyCa', 'VerifyFull']

/** A SQLite file. */
export interface SqliteConfig {
  readonly engine: 'sqlite'
  /** `:memory:` is accepted for tests. */
  readonly path: string
}

/** A PostgreSQL, MySQL or MariaDB server. */
export interface ServerConfig {
  readonly engine: 'postgres' | 'mysql'
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  readonly tls: { readonly mode: TlsMode; readonly ca: string | undefined }
  /** Most connections of one process. */
  readonly poolMax: number
  /** Named prepared statements; off behind a pooler in transaction mode that does not know them (PgBouncer before 1.21). */
  readonly prepared: boolean
}

/** Where the notes are. */
export type DatabaseConfig = SqliteConfig | ServerConfig

type Environment = Readonly<Record<string, string | undefined>>

interface ParseOptions {
  readonly needed: boolean
  readonly valueOrFile: (environment: Environment, name: string, problems: string[]) => string | undefined
  readonly problems: string[]
}

const schemes: Readonly<Record<string, Engine>> = {
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'mysql:': 'mysql',
  'mariadb:': 'mysql',
}
const standardPort = { postgres: 5432, mysql: 3306 }
const nowhere: SqliteConfig = { engine: 'sqlite', path: ':memory:' }

/**
 * Reads `DATABASE_URL` (`sqlite:PATH`, `postgres://…`, `mysql://…`), or `DB_ENGINE`, `DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_USER` and
 * `DB_PASSWORD`, beside `DATABASE_TLS`, `DATABASE_TLS_CA_FILE`, `DATABASE_POOL_MAX` and `DATABASE_PREPARED`. Adds to `problems` what is wrong.
 */
export function parseDatabase(environment: Environment, { needed, valueOrFile, problems }: ParseOptions): DatabaseConfig {
  const url = valueOrFile(environment, 'DATABASE_URL', problems)
  if (url === undefined && (environment['DB_HOST'] ?? '') === '') {
    if (needed) {
      problems.push(
        'DATABASE_URL: is not set; give sqlite:PATH, postgres://USER:PASSWORD@HOST/NAME or mysql://…, or DB_HOST and its siblings',
      )
    }
    return nowhere
  }
  if (url?.startsWith('sqlite:') === true) {
    const path = url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '')
    if (path === '') {
      problems.push('DATABASE_URL: sqlite: needs a path, such as sqlite:/data/notejam.db')
    }
    return { engine: 'sqlite', path }
  }
  const address = url === undefined ? fromParts(environment, valueOrFile, problems) : fromUrl(url, problems)
  if (address === undefined) {
    return nowhere
  }
  const protection = tls(environment, url, problems)
  if (address.engine === 'mysql' && protection.mode === 'VerifyFull' && isIP(address.host) !== 0) {
    // mysql2 compares the certificate with "localhost" then.
    problems.push('DATABASE_TLS: VerifyFull needs the name of a MySQL or MariaDB server, not an IP address; or use VerifyCa')
  }
  return {
    ...address,
    tls: protection,
    poolMax: count(environment, problems),
    prepared: environment['DATABASE_PREPARED']?.toLowerCase() !== 'false',
  }
}

type Address = Pick<ServerConfig, 'engine' | 'host' | 'port' | 'database' | 'user' | 'password'>

function fromUrl(text: string, problems: string[]): Address | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const engine = url === undefined ? undefined : schemes[url.protocol]
  const database = url === undefined ? '' : decodeURIComponent(url.pathname.slice(1))
  if (url === undefined || engine === undefined || engine === 'sqlite' || url.hostname === '' || database === '') {
    // The value holds a password, so it is not repeated.
    problems.push('DATABASE_URL: must be sqlite:PATH, postgres://USER:PASSWORD@HOST:PORT/NAME or mysql://USER:PASSWORD@HOST:PORT/NAME')
    return undefined
  }
  return {
    engine,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? standardPort[engine] : Number(url.port),
    database,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  }
}

function fromParts(environment: Environment, valueOrFile: ParseOptions['valueOrFile'], problems: string[]): Address | undefined {
  const engine = schemes[`${environment['DB_ENGINE'] ?? 'postgres'}:`.toLowerCase()]
  if (engine === undefined || engine === 'sqlite') {
    problems.push(`DB_ENGINE: must be postgres or mysql, is "${environment['DB_ENGINE']}"`)
    return undefined
  }
  const database = environment['DB_NAME'] ?? ''
  const user = environment['DB_USER'] ?? ''
  const port = Number(environment['DB_PORT'] ?? standardPort[engine])
  if (database === '') {
    problems.push('DB_NAME: is not set, but DB_HOST is')
  }
  if (user === '') {
    problems.push('DB_USER: is not set, but DB_HOST is')
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    problems.push(`DB_PORT: must be a whole number from 1 to 65535, is "${environment['DB_PORT']}"`)
  }
  const password = valueOrFile(environment, 'DB_PASSWORD', problems) ?? ''
  return { engine, host: environment['DB_HOST'] ?? '', port, database, user, password }
}

/** libpq's names of the modes, as they stand in `?sslmode=` (MySQL's clients: `?ssl-mode=`). */
const urlModes: Readonly<Record<string, TlsMode>> = {
  disable: 'Disable',
  disabled: 'Disable',
  require: 'Require',
  required: 'Require',
  'verify-ca': 'VerifyCa',
  verify_ca: 'VerifyCa',
  'verify-full': 'VerifyFull',
  verify_identity: 'VerifyFull',
}

/** `DATABASE_TLS`, else what the URL says, else the strictest where an authority is named, else none. */
function tls(environment: Environment, url: string | undefined, problems: string[]): ServerConfig['tls'] {
  const wanted = environment['DATABASE_TLS'] ?? ''
  const path = environment['DATABASE_TLS_CA_FILE'] ?? ''
  const standard = path === '' ? 'Disable' : 'VerifyFull'
  const mode = wanted === '' ? (urlMode(url, problems) ?? standard) : tlsModes.find((each) => each.toLowerCase() === wanted.toLowerCase())
  if (mode === undefined) {
    problems.push(`DATABASE_TLS: must be one of ${tlsModes.join(', ')}, is "${wanted}"`)
  }
  if (path === '') {
    return { mode: mode ?? 'VerifyFull', ca: undefined }
  }
  try {
    return { mode: mode ?? 'VerifyFull', ca: readFileSync(path, 'utf8') }
  } catch (error) {
    problems.push(`DATABASE_TLS_CA_FILE: cannot read it: ${messageOf(error)}`)
    return { mode: mode ?? 'VerifyFull', ca: undefined }
  }
}

function urlMode(url: string | undefined, problems: string[]): TlsMode | undefined {
  const query = url !== undefined && URL.canParse(url) ? new URL(url).searchParams : new URLSearchParams()
  const text = query.get('sslmode') ?? query.get('ssl-mode')
  if (text === null) {
    return undefined
  }
  const mode = urlModes[text.toLowerCase()]
  if (mode === undefined) {
    problems.push(`DATABASE_URL: its sslmode must be disable, require, verify-ca or verify-full, is "${text}"; or set DATABASE_TLS`)
  }
  return mode
}

function count(environment: Environment, problems: string[]): number {
  const text = environment['DATABASE_POOL_MAX'] ?? ''
  const number = text === '' ? 10 : Number(text)
  if (!Number.isInteger(number) || number < 1 || number > 1000) {
    problems.push(`DATABASE_POOL_MAX: must be a whole number from 1 to 1000, is "${text}"`)
  }
  return number
}

import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { z } from 'zod'
import { parseDatabase, type DatabaseConfig } from './db/database-config.ts'
import { ConfigError, messageOf } from './errors.ts'

/** The one typed, validated environment of the app (docs/reference: image contract). */
export interface Config {
  readonly database: DatabaseConfig
  /** Keys what is hashed or signed: session tokens, reset links. At least 32 bytes; must outlive roll-outs, restores and moves. */
  readonly secretKey: string
  /** Where people reach the app, without a slash at the end; undefined: what the request says, cookies without `Secure`. */
  readonly publicUrl: string | undefined
  readonly port: number
  readonly opsPort: number
  /** Addresses, networks or Express's names (`loopback`, `uniquelocal`) of proxies whose `X-Forwarded-*` headers count. */
  readonly trustedProxies: readonly string[]
  /** Addresses and networks that may ask for pages; empty: all. */
  readonly allowFrom: readonly string[]
  /** `smtp://user:password@host:port` or `smtps://…`; undefined: mail waits in the outbox. */
  readonly smtpUrl: string | undefined
  /** The sender of mails. */
  readonly mailFrom: string
  /** Pages are served, writes are refused politely. */
  readonly readOnly: boolean
  readonly logLevel: LogLevel
  /** Attempts a minute that one address may make at signing in, signing up and resetting; 0 is off. */
  readonly throttlePerAddress: number
  /** Attempts a minute against one account; 0 is off. */
  readonly throttlePerAccount: number
  /** Milliseconds between "not ready" and the end of accepting connections. */
  readonly drainMs: number
  /** Milliseconds after which requests still running are cut, counted from the end of the drain. */
  readonly stopTimeoutMs: number
  /** Whether OpenTelemetry has somewhere to send traces to; if not, nothing of it is loaded. */
  readonly tracing: boolean
  /** Milliseconds for which a job command waits for a database that does not answer. */
  readonly databaseWaitMs: number
  /** Where job commands leave their one line of JSON. */
  readonly terminationLog: string
}

/** Levels of the log, most talkative first. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number]

/** What a command needs of the environment beyond the defaults. */
export interface ConfigNeeds {
  readonly database?: boolean
  readonly secretKey?: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

const minSecretBytes = 32

/** An empty string counts as not set: that is what an optional key of a Secret becomes in a pod. */
const text = z.preprocess((value) => (value === '' ? undefined : value), z.string().optional())

function integer(min: number, max: number, standard: number) {
  return text.transform((value, context) => {
    if (value === undefined) {
      return standard
    }
    const number = Number(value)
    if (!/^\d+$/.test(value) || number < min || number > max) {
      context.addIssue({ code: 'custom', message: `must be a whole number from ${min} to ${max}, is "${value}"` })
    }
    return number
  })
}

const flag = text.transform((value, context) => {
  const known: Readonly<Record<string, boolean>> = { true: true, '1': true, yes: true, false: false, '0': false, no: false }
  const answer = value === undefined ? false : known[value.toLowerCase()]
  if (answer === undefined) {
    context.addIssue({ code: 'custom', message: `must be true or false, is "${value}"` })
    return false
  }
  return answer
})

function url(protocols: readonly string[], sample: string) {
  return text.transform((value, context) => {
    if (value === undefined) {
      return undefined
    }
    const parsed = URL.canParse(value) ? new URL(value) : undefined
    if (parsed === undefined || !protocols.includes(parsed.protocol) || parsed.hostname === '') {
      // The value may hold a password, so it is not repeated.
      context.addIssue({ code: 'custom', message: `must be a URL such as ${sample}` })
    }
    return value.replace(/\/+$/, '')
  })
}

const publicUrl = url(['http:', 'https:'], 'https://notes.example.org').transform((value, context) => {
  if (value !== undefined && URL.canParse(value)) {
    const { pathname, search, hash } = new URL(value)
    if (pathname !== '/' || search !== '' || hash !== '') {
      context.addIssue({ code: 'custom', message: 'must have no path, query or fragment: Notejam is served at the root of its host' })
    }
  }
  return value
})

function isNetwork(entry: string): boolean {
  const [address = '', bits, ...rest] = entry.split('/')
  const version = isIP(address)
  const width = version === 4 ? 32 : 128
  return rest.length === 0 && version !== 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width))
}

function addresses(names: readonly string[]) {
  return text.transform((value, context) => {
    const entries = (value ?? '').split(/[\s,]+/).filter((entry) => entry !== '')
    const wrong = entries.filter((entry) => !names.includes(entry) && !isNetwork(entry))
    if (wrong.length > 0) {
      context.addIssue({ code: 'custom', message: `must list addresses or networks such as 10.0.0.0/8; not one: ${wrong.join(', ')}` })
    }
    return entries
  })
}

const proxies = addresses(['loopback', 'linklocal', 'uniquelocal'])
const networks = addresses([])

const level = text.transform((value, context) => {
  const found = logLevels.find((candidate) => candidate === (value ?? 'info').toLowerCase())
  if (found === undefined) {
    context.addIssue({ code: 'custom', message: `must be one of ${logLevels.join(', ')}, is "${value}"` })
  }
  return found ?? 'info'
})

const schema = z.object({
  PORT: integer(0, 65_535, 8080),
  OPS_PORT: integer(0, 65_535, 9090),
  PUBLIC_URL: publicUrl,
  TRUSTED_PROXIES: proxies,
  ALLOW_FROM: networks,
  SMTP_URL: url(['smtp:', 'smtps:'], 'smtp://mail.example.org:587'),
  MAIL_FROM: text,
  READ_ONLY: flag,
  LOG_LEVEL: level,
  THROTTLE_PER_ADDRESS: integer(0, 1_000_000, 30),
  THROTTLE_PER_ACCOUNT: integer(0, 1_000_000, 10),
  DRAIN_SECONDS: integer(0, 600, 5),
  STOP_TIMEOUT_SECONDS: integer(1, 3600, 25),
  OTEL_EXPORTER_OTLP_ENDPOINT: url(['http:', 'https:'], 'http://collector.example.org:4318'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url(['http:', 'https:'], 'http://collector.example.org:4318/v1/traces'),
  OTEL_TRACES_EXPORTER: text,
  OTEL_SDK_DISABLED: flag,
  DATABASE_WAIT_SECONDS: integer(0, 600, 0),
  TERMINATION_LOG: text,
})

/** By the names and meanings of OpenTelemetry's specification. */
function wantsTraces(values: z.output<typeof schema>): boolean {
  const endpoint = values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? values.OTEL_EXPORTER_OTLP_ENDPOINT
  return endpoint !== undefined && !values.OTEL_SDK_DISABLED && values.OTEL_TRACES_EXPORTER !== 'none'
}

/** The value of `NAME`, or the content of the file that `NAME_FILE` names, as a mounted Secret brings it. */
export function valueOrFile(environment: Environment, name: string, problems: string[]): string | undefined {
  const value = environment[name]
  const path = environment[`${name}_FILE`]
  if (value !== undefined && value !== '') {
    return value
  }
  if (path === undefined || path === '') {
    return undefined
  }
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    problems.push(`${name}_FILE: cannot read it: ${messageOf(error)}`)
    return undefined
  }
}

function secretKey(environment: Environment, needed: boolean, problems: string[]): string {
  const before = problems.length
  const value = valueOrFile(environment, 'SECRET_KEY', problems) ?? ''
  if (problems.length === before && needed && value === '') {
    problems.push('SECRET_KEY (or SECRET_KEY_FILE): is not set; make one with `openssl rand -base64 48` and keep it')
  } else if (value !== '' && Buffer.byteLength(value) < minSecretBytes) {
    problems.push(`SECRET_KEY: is shorter than ${minSecretBytes} bytes; make one with \`openssl rand -base64 48\``)
  }
  return value
}

/**
 * Reads and checks the environment.
 *
 * @throws {@link ConfigError} with every problem at once; no message repeats a value that may be secret.
 */
export function loadConfig(environment: Environment, needs: ConfigNeeds = { database: true, secretKey: true }): Config {
  const problems: string[] = []
  const parsed = schema.safeParse(environment)
  if (!parsed.success) {
    problems.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`))
  }
  const database = parseDatabase(environment, { needed: needs.database ?? false, valueOrFile, problems })
  const key = secretKey(environment, needs.secretKey ?? false, problems)
  if (!parsed.success || problems.length > 0) {
    throw new ConfigError(problems)
  }
  const values = parsed.data
  const host = values.PUBLIC_URL === undefined ? 'localhost' : new URL(values.PUBLIC_URL).hostname
  return {
    database,
    secretKey: key,
    publicUrl: values.PUBLIC_URL,
    port: values.PORT,
    opsPort: values.OPS_PORT,
    trustedProxies: values.TRUSTED_PROXIES,
    allowFrom: values.ALLOW_FROM,
    smtpUrl: values.SMTP_URL,
    mailFrom: values.MAIL_FROM ?? `Notejam <noreply@${host}>`,
    readOnly: values.READ_ONLY,
    logLevel: values.LOG_LEVEL,
    throttlePerAddress: values.THROTTLE_PER_ADDRESS,
    throttlePerAccount: values.THROTTLE_PER_ACCOUNT,
    drainMs: values.DRAIN_SECONDS * 1000,
    stopTimeoutMs: values.STOP_TIMEOUT_SECONDS * 1000,
    tracing: wantsTraces(values),
    databaseWaitMs: values.DATABASE_WAIT_SECONDS * 1000,
    terminationLog: values.TERMINATION_LOG ?? '/dev/termination-log',
  }
}

import { hostname } from 'node:os'
import type { Level } from 'pino'
import { UsageError } from './errors.ts'
import type { Scope } from './runtime/scope.ts'

/** What `run` is told: by flags, else by the environment, else by default. */
export interface Settings {
  readonly kubeconfig: string | undefined
  readonly context: string | undefined
  readonly scope: Scope
  /** `false`: this process is alone for sure. */
  readonly election: false | { readonly name: string; readonly namespace: string | undefined; readonly identity: string }
  /** Where probes and metrics are answered; no host: everywhere. */
  readonly listen: { readonly host: string | undefined; readonly port: number }
  readonly logLevel: Level
  /** Passes at the same time. */
  readonly maxConcurrent: number
}

/** A flag: its environment variable is its name in capitals with this before it. */
interface FlagDefinition {
  readonly flags: string
  readonly description: string
}

const prefix = 'NOTEJAM_OPERATOR_'
const levels: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] satisfies readonly Level[]
const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const dnsName = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/

/** Every flag of `run` with a value. */
export const flagDefinitions = {
  kubeconfig: {
    flags: '--kubeconfig <path>',
    description: 'file with the API server and the credentials (default: as kubectl finds them, or the pod)',
  },
  context: { flags: '--context <name>', description: 'context of that file (default: its current one)' },
  namespace: { flags: '--namespace <name...>', description: 'namespaces to serve, separated by commas or said again (default: all)' },
  leaseName: { flags: '--lease-name <name>', description: 'Lease by which replicas agree on who works (default: notejam-operator)' },
  leaseNamespace: { flags: '--lease-namespace <name>', description: 'namespace of that Lease (default: that of the pod or the context)' },
  identity: { flags: '--identity <name>', description: 'name of this process in the Lease (default: host and process id)' },
  leaderElection: { flags: '--leader-election <on|off>', description: 'off only where no other replica can be (default: on)' },
  listen: {
    flags: '--listen <address>',
    description: 'where /healthz, /readyz and /metrics are answered, as [host]:port (default: :8080)',
  },
  logLevel: { flags: '--log-level <level>', description: `${levels.join(', ')} (default: info)` },
  maxConcurrent: {
    flags: '--max-concurrent <number>',
    description: 'instances that are worked on at the same time, 1 to 256 (default: 16)',
  },
} as const satisfies Readonly<Record<string, FlagDefinition>>

/** Name of a flag in code. */
export type Flag = keyof typeof flagDefinitions

/** Flags as they were typed. */
export type RawFlags = Readonly<Partial<Record<Flag, string | readonly string[]>>>

/** Name of the environment variable that stands for a flag. */
export function environmentName(flag: Flag): string {
  return prefix + flag.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}

/**
 * Reads the settings.
 *
 * @param unknown - what the command line had beyond the flags
 * @throws UsageError with every problem at once
 */
export function readSettings(
  flags: RawFlags,
  environment: Readonly<Record<string, string | undefined>>,
  unknown: readonly string[] = [],
): Settings {
  const problems = unknown.map((word) => `${word} is not known; see notejam-operator run --help`)
  for (const name of Object.keys(environment)) {
    const known = Object.keys(flagDefinitions).some((flag) => environmentName(flag as Flag) === name)
    // Kubernetes puts the address of a Service of that name into the environment.
    const isServiceLink = /_(SERVICE|PORT)(_|$)/.test(name)
    if (name.startsWith(prefix) && !known && !isServiceLink) problems.push(`${name} is not known`)
  }

  /** The value with its name for messages; an empty variable counts as not set. */
  function read<T>(flag: Flag, standard: T, parse: (text: string) => T | undefined, wanted: string): T {
    const given = flags[flag] ?? (environment[environmentName(flag)] || undefined)
    if (given === undefined) return standard
    const text = typeof given === 'string' ? given : given.join(',')
    const value = parse(text)
    if (value !== undefined) return value
    const name = flags[flag] === undefined ? environmentName(flag) : (flagDefinitions[flag].flags.split(' ')[0] ?? flag)
    problems.push(`${name} must be ${wanted}, is "${text}"`)
    return standard
  }
  const text = (flag: Flag) => read<string | undefined>(flag, undefined, (value) => value, 'set')
  const name = (flag: Flag, pattern: RegExp, standard: string | undefined) =>
    read(flag, standard, (value) => (pattern.test(value) && value.length <= 253 ? value : undefined), 'a DNS name in lower case')

  const namespaces = read<readonly string[]>('namespace', [], parseNamespaces, 'a list of namespaces, separated by commas')
  const lease = {
    name: name('leaseName', dnsName, 'notejam-operator') ?? '',
    namespace: name('leaseNamespace', dnsLabel, undefined),
    identity: text('identity') ?? `${hostname()}_${process.pid}`,
  }
  const elects = read('leaderElection', 'on', (value) => (value === 'on' || value === 'off' ? value : undefined), 'on or off')
  const settings: Settings = {
    kubeconfig: text('kubeconfig'),
    context: text('context'),
    scope: namespaces.length === 0 ? { type: 'all' } : { type: 'list', namespaces },
    election: elects === 'off' ? false : lease,
    listen: read<Settings['listen']>('listen', { host: undefined, port: 8080 }, parseListen, 'an address such as :8080 or 127.0.0.1:8080'),
    logLevel: read<Level>(
      'logLevel',
      'info',
      (value) => (levels.includes(value) ? (value as Level) : undefined),
      `one of ${levels.join(', ')}`,
    ),
    maxConcurrent: read('maxConcurrent', 16, parseConcurrency, 'a whole number from 1 to 256'),
  }
  if (problems.length > 0) throw new UsageError(problems)
  return settings
}

function parseNamespaces(text: string): readonly string[] | undefined {
  const names = text.split(',').map((part) => part.trim())
  return names.every((part) => dnsLabel.test(part)) ? [...new Set(names)] : undefined
}

function parseListen(text: string): Settings['listen'] | undefined {
  const match = /^(.*):(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (match === null || port > 65_535) return undefined
  const host = match[1]?.replace(/^\[(.*)\]$/, '$1')
  return { host: host === '' ? undefined : host, port }
}

function parseConcurrency(text: string): number | undefined {
  const number = Number(text)
  return /^\d{1,3}$/.test(text) && number >= 1 && number <= 256 ? number : undefined
}

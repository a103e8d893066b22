import { createHash } from 'node:crypto'
import type { NotejamInstance } from '../api/notejam.ts'
import type { Secret } from '../api/objects.ts'
import type { Client } from '../kube/client.ts'
import { isAlreadyExists, isNotFound } from '../kube/errors.ts'
import { controllerOf, type KubeObject } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import { endpointOfURL, type Endpoint } from './endpoint.ts'
import { databaseAddress, describeConnection, type Connection } from './connection.ts'
import type { Stall } from './release/types.ts'
import { secretName } from './resources/names.ts'
import { secretKeyEntry, type RenderInput } from './resources/render-input.ts'
import { buildSessionSecret, secretKeyBytes } from './resources/secret.ts'

/** What the Secrets of an instance come to; never what is in them. */
export interface SecretsState {
  /** The Secret that the operator made, without its data. */
  readonly own: KubeObject | undefined
  /** Hash of everything that the pods read, so that a change rolls them; undefined while something is missing. */
  readonly hash: string | undefined
  /** How the pods reach the database; undefined while its Secret cannot be used. */
  readonly connection: Connection | undefined
  /** Hash of the database's host, port and name: the same database has the same. Undefined while its Secret cannot be used. */
  readonly address: string | undefined
  /** The mail server. */
  readonly mail: Endpoint | undefined
  readonly problems: readonly Stall[]
  /** The one that is there was an earlier instance's of the same name, and is about to be collected. */
  readonly outlived: boolean
}

/** What {@link readSecrets} needs. */
export interface SecretsOptions extends RenderInput {
  readonly client: Client
  readonly signal: AbortSignal
  /** Gives so many random bytes in base64; undefined: nothing may be made. */
  readonly randomKey: ((bytes: number) => string) | undefined
}

/** A Secret with its entries decoded. */
interface Opened {
  readonly object: KubeObject
  readonly entries: ReadonlyMap<string, Buffer>
}

/**
 * Reads the Secrets that an instance names, by their names; makes the operator's own. They are never listed nor watched: no role could limit that to
 * those of instances.
 */
export async function readSecrets(options: SecretsOptions): Promise<SecretsState> {
  const { instance } = options
  const problems: Stall[] = []
  const hash = createHash('sha256')
  const session = await openSession(options)
  const foreign = session !== undefined && isOwnName(instance) && controllerOf(session.object)?.uid !== instance.metadata.uid
  const outlived = foreign && outlives(session.object, instance)
  if (foreign && !outlived) problems.push(notOurs(session.object))
  if (session === undefined) problems.push(missing(secretName(instance), [secretKeyEntry]))
  else if (!foreign) problems.push(...checkSession(session))
  if (session !== undefined && !foreign) hash.update(session.entries.get(secretKeyEntry) ?? '')

  const { connection, mail, more, address } = await openConnection(options, problems)
  for (const opened of more) {
    for (const [entry, value] of [...opened.entries].toSorted(([a], [b]) => (a < b ? -1 : 1))) hash.update(`\0${entry}\0`).update(value)
  }
  return {
    own: session !== undefined && !foreign && isOwnName(instance) ? session.object : undefined,
    hash: problems.length > 0 || outlived ? undefined : hash.digest('hex').slice(0, 16),
    connection,
    address,
    mail,
    problems,
    outlived,
  }
}

function isOwnName(instance: NotejamInstance): boolean {
  return instance.spec.app?.secretRef === undefined
}

async function openSession(options: SecretsOptions): Promise<Opened | undefined> {
  const { instance, client, signal, randomKey } = options
  const found = await open(options, secretName(instance))
  if (found !== undefined || !isOwnName(instance) || randomKey === undefined) return found
  try {
    return decode(await client.create<Secret>(resources.secrets, buildSessionSecret(options, randomKey(secretKeyBytes)), { signal }))
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    return open(options, secretName(instance))
  }
}

function checkSession({ object, entries }: Opened): readonly Stall[] {
  if ((entries.get(secretKeyEntry)?.length ?? 0) >= secretKeyBytes) return []
  const message = `Secret ${object.metadata.name} needs the entry ${secretKeyEntry} with at least ${secretKeyBytes} bytes`
  return [{ reason: 'SecretKeyMissing', message }]
}

interface OpenedConnection extends Pick<SecretsState, 'connection' | 'mail' | 'address'> {
  readonly more: readonly Opened[]
}

/** Opens the Secrets for the database and the mail server. */
async function openConnection(options: SecretsOptions, problems: Stall[]): Promise<OpenedConnection> {
  const { spec } = options.instance
  const { external } = spec.database
  const more: Opened[] = []
  const require = async (name: string, entry: string): Promise<string | undefined> => {
    const opened = await open(options, name)
    if (opened === undefined) problems.push(missing(name, [entry]))
    else if (!opened.entries.has(entry)) problems.push({ reason: 'SecretKeyMissing', message: `Secret ${name} needs the entry ${entry}` })
    else more.push(opened)
    return opened?.entries.get(entry)?.toString()
  }
  const mailName = spec.app?.smtpSecretRef?.name
  const mailURL = mailName === undefined ? undefined : await require(mailName, 'url')
  const mail = mailURL === undefined ? undefined : endpointOfURL(mailURL.trim())
  if (mailURL !== undefined && mail === undefined) {
    const message = `The entry url of Secret ${mailName} is not the address of a mail server; give smtp://… or smtps://…`
    problems.push({ reason: 'SecretInvalid', message })
  }
  if (external?.tls?.caSecretRef !== undefined) await require(external.tls.caSecretRef.name, 'ca.crt')
  const { name } = external?.secretRef ?? {}
  const database = name === undefined ? undefined : await open(options, name)
  if (name !== undefined && database === undefined) {
    problems.push(missing(name, ['url']))
    return { connection: undefined, mail, more, address: undefined }
  }
  if (database !== undefined) more.push(database)
  const result = describeConnection(spec, database?.entries ?? new Map())
  if ('connection' in result)
    return { connection: result.connection, mail, more, address: databaseAddress(spec, database?.entries ?? new Map()) }
  const message =
    'missing' in result
      ? `Secret ${name} needs the entry url, or the entries host, user, password and database; it lacks ${result.missing.join(', ')}`
      : 'wrongScheme' in result
        ? `The entry url of Secret ${name} is not one of database.type ${spec.database.type}; give postgres://… or mysql://…`
        : `The entry url or port of Secret ${name} is no address of a server; a URL is postgres://USER:PASSWORD@HOST:PORT/NAME, with % codes for special characters of a password`
  problems.push({ reason: 'missing' in result ? 'SecretKeyMissing' : 'SecretInvalid', message })
  return { connection: undefined, mail, more, address: undefined }
}

async function open({ client, instance, signal }: SecretsOptions, name: string): Promise<Opened | undefined> {
  try {
    return decode(await client.get<Secret>(resources.secrets, { namespace: instance.metadata.namespace ?? '', name }, { signal }))
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

function decode({ data = {}, ...object }: Secret): Opened {
  return { object, entries: new Map(Object.entries(data).map(([entry, value]) => [entry, Buffer.from(value, 'base64')])) }
}

/** Whether an object belongs to an earlier instance of the same name: its deletion is a matter of moments. */
export function outlives(object: KubeObject, instance: NotejamInstance): boolean {
  const owner = controllerOf(object)
  return owner?.kind === 'NotejamInstance' && owner.name === instance.metadata.name && owner.uid !== instance.metadata.uid
}

function notOurs({ metadata }: KubeObject): Stall {
  const message = `Secret ${metadata.name} exists and does not belong to this instance, so it is left alone. Rename or delete it, or name it in spec.app.secretRef`
  return { reason: 'NameConflict', message }
}

function missing(name: string, entries: readonly string[]): Stall {
  return { reason: 'SecretNotFound', message: `Secret ${name} is not there; create it with the entry ${entries.join(', ')}` }
}

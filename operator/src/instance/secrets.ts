import { createHash, type Hash } from 'node:crypto'
import type { NotejamInstance } from '../api/notejam.ts'
import type { Secret } from '../api/objects.ts'
import type { Client } from '../kube/client.ts'
import { isAlreadyExists, isNotFound } from '../kube/errors.ts'
import { controllerOf, type DynamicObject, type KubeObject } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import { endpointOfURL, type Endpoint } from './endpoint.ts'
import { databaseAddress, describeConnection, type Connection } from './connection.ts'
import { makeServerCertificate } from './database-certificate.ts'
import { builtInAddress, builtInConnection, builtInEngine } from './database-connection.ts'
import type { Stall } from './release/types.ts'
import type { ServerEngine } from './resources/database-scripts.ts'
import { buildDatabaseSecret, databaseEntries, databaseHosts, passwordBytes } from './resources/database-secret.ts'
import { databaseName, secretName } from './resources/names.ts'
import { bootstraps } from '../backup/bootstrap.ts'
import { bootstrapSecretName, buildBootstrapSecret, privateKeyBytes, recipientOf } from '../backup/sealed-key.ts'
import { secretKeyEntry, type RenderInput } from './resources/render-input.ts'
import { buildSessionSecret, secretKeyBytes } from './resources/secret.ts'

/** What the Secrets of an instance come to; never what is in them. */
export interface SecretsState {
  /** The Secrets that the operator made, without their data. */
  readonly own: readonly KubeObject[]
  /** Hash of everything that the pods read, so that a change rolls them; undefined while something is missing. */
  readonly hash: string | undefined
  /** Hash of what the built-in database reads; undefined while it is missing, and where there is none. */
  readonly databaseHash: string | undefined
  /** How the pods reach the database; undefined while its Secret cannot be used. */
  readonly connection: Connection | undefined
  /** Hash of the database's host, port and name: the same database has the same. Undefined while its Secret cannot be used. */
  readonly address: string | undefined
  /** The mail server. */
  readonly mail: Endpoint | undefined
  readonly problems: readonly Stall[]
  /** The session Secret comes with an archive, which was not restored yet. */
  readonly awaitsKey?: boolean
  /** Public key to which the archive's key is to be sealed. */
  readonly recipient?: string | undefined
  /** Names of those that were an earlier instance's of the same name, and are about to be collected. */
  readonly outlived: readonly string[]
}

/** What {@link readSecrets} needs. */
export interface SecretsOptions extends RenderInput {
  readonly client: Client
  readonly signal: AbortSignal
  /** Gives so many random bytes in base64; undefined: nothing may be made. */
  readonly randomKey: ((bytes: number) => string) | undefined
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
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
  const outlived: string[] = []
  const own: KubeObject[] = []
  const hash = createHash('sha256')
  const session = await openSession(options)
  const awaitsKey = session === undefined && isOwnName(instance) && bootstraps(instance)
  const recipient = awaitsKey ? await openRecipient(options) : undefined
  if (recipient !== undefined) own.push(recipient.object)
  const sessionOwner = isOwnName(instance) ? judgeOwner(session, instance) : 'Ours'
  if (session !== undefined && sessionOwner === 'Outlived') outlived.push(session.object.metadata.name)
  if (session !== undefined && sessionOwner === 'Foreign') {
    problems.push(notOurs(session.object, 'Rename or delete it, or name it in spec.app.secretRef'))
  }
  if (session === undefined && !awaitsKey) problems.push(missing(secretName(instance), [secretKeyEntry]))
  else if (session !== undefined && sessionOwner === 'Ours') problems.push(...checkSession(session))
  if (session !== undefined && sessionOwner === 'Ours') {
    hash.update(session.entries.get(secretKeyEntry) ?? '')
    if (isOwnName(instance)) own.push(session.object)
  }

  const engine = builtInEngine(instance)
  const database = engine === undefined ? undefined : await openDatabase(options, engine, problems)
  if (database?.owner === 'Outlived') outlived.push(database.opened.object.metadata.name)
  if (database?.owner === 'Ours') own.push(database.opened.object)
  const { connection, mail, more, address } = await openConnection(options, problems)
  for (const opened of database?.owner === 'Ours' ? [...more, database.opened] : more) updateHash(hash, opened)
  return {
    own,
    awaitsKey,
    recipient: recipient === undefined ? undefined : recipientOf(recipient.entries),
    hash: problems.length > 0 || outlived.length > 0 || awaitsKey ? undefined : hash.digest('hex').slice(0, 16),
    databaseHash: database?.owner === 'Ours' && database.complete ? hashOf(database.opened) : undefined,
    connection: engine === undefined ? connection : database?.owner === 'Ours' ? builtInConnection(instance, engine) : undefined,
    address: engine === undefined ? address : builtInAddress(instance, engine),
    mail,
    problems,
    outlived,
  }
}

function updateHash(hash: Hash, { entries }: Opened): void {
  for (const [entry, value] of [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1))) hash.update(`\0${entry}\0`).update(value)
}

function hashOf(opened: Opened): string {
  const hash = createHash('sha256')
  updateHash(hash, opened)
  return hash.digest('hex').slice(0, 16)
}

/** Whose a Secret of an own name is: this instance's, an earlier one's that is about to be collected, or somebody else's. */
function judgeOwner(opened: Opened | undefined, instance: NotejamInstance): 'Ours' | 'Outlived' | 'Foreign' {
  if (opened === undefined || controllerOf(opened.object)?.uid === instance.metadata.uid) return 'Ours'
  return outlives(opened.object, instance) ? 'Outlived' : 'Foreign'
}

interface OpenedDatabase {
  readonly opened: Opened
  readonly owner: ReturnType<typeof judgeOwner>
  readonly complete: boolean
}

/** Opens the Secret of the built-in database; makes it, if it is not there. */
async function openDatabase(options: SecretsOptions, engine: ServerEngine, problems: Stall[]): Promise<OpenedDatabase | undefined> {
  const { instance, randomKey, now } = options
  const name = databaseName(instance)
  const opened = await openOrCreate(options, name, () => {
    if (randomKey === undefined) return undefined
    const password = randomKey(passwordBytes).replaceAll('+', '-').replaceAll('/', '_')
    const certificate = makeServerCertificate({ names: databaseHosts(options), randomKey, now })
    return buildDatabaseSecret({ ...options, engine, password, certificate })
  })
  if (opened === undefined) {
    problems.push(missing(name, databaseEntries))
    return undefined
  }
  const owner = judgeOwner(opened, instance)
  if (owner === 'Foreign') problems.push(notOurs(opened.object, 'Rename or delete it'))
  const lacking = databaseEntries.filter((entry) => !opened.entries.has(entry))
  if (owner === 'Ours' && lacking.length > 0) {
    const message = `Secret ${name} lacks ${lacking.join(', ')}; delete it, and it is made anew with another password`
    problems.push({ reason: 'SecretKeyMissing', message })
  }
  return { opened, owner, complete: lacking.length === 0 }
}

/** The pair of keys with which an archive's key is handed over. */
async function openRecipient(options: SecretsOptions): Promise<Opened | undefined> {
  const { instance, randomKey } = options
  return openOrCreate(options, bootstrapSecretName(instance), () =>
    randomKey === undefined ? undefined : buildBootstrapSecret(instance, randomKey(privateKeyBytes)),
  )
}

/**
 * Whether somebody may change what an instance reads by its name and no watch tells of: Secrets that the spec names, the password of the built-in
 * database, which people may replace, and a claim. The session key is the operator's own: it is read with each event of the instance, and a pod that
 * cannot start without it is one.
 */
export function dependsOnOthers({ spec }: NotejamInstance): boolean {
  const { database, app } = spec
  return (
    database.external !== undefined ||
    database.builtIn !== undefined ||
    database.sqlite?.storage.existingClaim !== undefined ||
    app?.secretRef !== undefined ||
    app?.smtpSecretRef !== undefined
  )
}

function isOwnName(instance: NotejamInstance): boolean {
  return instance.spec.app?.secretRef === undefined
}

async function openSession(options: SecretsOptions): Promise<Opened | undefined> {
  const { instance, randomKey } = options
  return openOrCreate(options, secretName(instance), () =>
    isOwnName(instance) && !bootstraps(instance) && randomKey !== undefined
      ? buildSessionSecret(options, randomKey(secretKeyBytes))
      : undefined,
  )
}

/** Opens a Secret; where it is not there, creates what `build` gives, if it gives something. */
async function openOrCreate(options: SecretsOptions, name: string, build: () => DynamicObject | undefined): Promise<Opened | undefined> {
  const found = await open(options, name)
  const wanted = found === undefined ? build() : undefined
  if (wanted === undefined) return found
  try {
    return decode(await options.client.create<Secret>(resources.secrets, wanted, { signal: options.signal }))
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    return open(options, name)
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

function notOurs({ metadata }: KubeObject, advice: string): Stall {
  const message = `Secret ${metadata.name} exists and does not belong to this instance, so it is left alone. ${advice}`
  return { reason: 'NameConflict', message }
}

function missing(name: string, entries: readonly string[]): Stall {
  return { reason: 'SecretNotFound', message: `Secret ${name} is not there; create it with the entry ${entries.join(', ')}` }
}

import { valueOrFile } from '../../config.ts'
import { checkPrefix } from './object-key.ts'

/** Which of a command's stores: its own, the second copy, where a masked copy goes, where another instance's archives are read. */
export type StoreRole = 'STORE_' | 'SECOND_STORE_' | 'TARGET_STORE_' | 'SOURCE_STORE_'

/** How a bucket is reached. */
export interface S3Config {
  /** Undefined: Amazon's, by region. */
  readonly endpoint: string | undefined
  readonly region: string
  readonly bucket: string
  /** The bucket in the path instead of the host name. */
  readonly pathStyle: boolean
  /** A PEM file with the authorities that sign the endpoint's certificate; undefined: the public ones. */
  readonly caFile: string | undefined
  /** `Auto`: archives are locked until their retention ends, where the bucket has object lock. */
  readonly objectLock: 'Auto' | 'Off'
  /** Undefined: what the environment of the pod offers, such as a web identity. */
  readonly credentials:
    | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | undefined }
    | undefined
}

/** For whom archives are encrypted, and what opens them. */
export interface EncryptionConfig {
  readonly mode: 'Age' | 'None'
  /** Public keys, `age1…`. */
  readonly recipients: readonly string[]
  /** A file with private keys, only where archives are read. */
  readonly identityFile: string | undefined
}

/** One store, as the environment describes it. */
export interface StoreConfig {
  readonly name: string
  /** Keys begin with it; empty is none. */
  readonly prefix: string
  readonly encryption: EncryptionConfig
  readonly target: { readonly type: 'S3'; readonly s3: S3Config } | { readonly type: 'Folder'; readonly path: string }
}

type Environment = Readonly<Record<string, string | undefined>>

const defaultNames: Readonly<Record<StoreRole, string>> = {
  STORE_: 'primary',
  SECOND_STORE_: 'second',
  TARGET_STORE_: 'target',
  SOURCE_STORE_: 'source',
}

/**
 * Reads the variables of one store. Undefined when neither a bucket nor a path is named; what is wrong is added to `problems`, none of which
 * repeats a value that may be secret.
 */
export function readStoreConfig(environment: Environment, role: StoreRole, problems: string[]): StoreConfig | undefined {
  const reader = new Reader(environment, role, problems)
  const path = reader.text('PATH')
  const bucket = reader.text('S3_BUCKET')
  if (path !== undefined && bucket !== undefined) {
    problems.push(`${role}PATH: is set together with ${role}S3_BUCKET; a store is either a folder or a bucket`)
    return undefined
  }
  if (path === undefined && bucket === undefined) {
    return undefined
  }
  return {
    name: reader.text('NAME') ?? defaultNames[role],
    prefix: readPrefix(reader),
    encryption: readEncryption(reader),
    target: bucket === undefined ? { type: 'Folder', path: path ?? '' } : { type: 'S3', s3: readS3(reader, bucket) },
  }
}

class Reader {
  readonly #environment: Environment
  readonly #role: StoreRole
  readonly #problems: string[]

  constructor(environment: Environment, role: StoreRole, problems: string[]) {
    this.#environment = environment
    this.#role = role
    this.#problems = problems
  }

  /** An empty variable counts as not set. */
  text(name: string): string | undefined {
    const value = this.#environment[`${this.#role}${name}`]
    return value === '' ? undefined : value
  }

  secret(name: string): string | undefined {
    return valueOrFile(this.#environment, `${this.#role}${name}`, this.#problems)
  }

  choice<Word extends string>(name: string, words: readonly [Word, ...Word[]]): Word {
    const value = this.text(name)
    const found = words.find((word) => word.toLowerCase() === value?.toLowerCase())
    if (value !== undefined && found === undefined) {
      this.problem(name, `must be one of ${words.join(', ')}, is "${value}"`)
    }
    return found ?? words[0]
  }

  problem(name: string, message: string): void {
    this.#problems.push(`${this.#role}${name}: ${message}`)
  }
}

function readPrefix(reader: Reader): string {
  try {
    return checkPrefix(reader.text('PREFIX') ?? '')
  } catch {
    reader.problem('PREFIX', 'must be names of letters, digits and . _ @ + = -, parted by slashes')
    return ''
  }
}

function readEncryption(reader: Reader): EncryptionConfig {
  const mode = reader.choice('ENCRYPTION', ['Age', 'None'])
  const recipients = (reader.text('RECIPIENTS') ?? '').split(/[\s,]+/).filter((entry) => entry !== '')
  for (const recipient of recipients.filter((entry) => !/^age1[0-9a-z]{20,}$/.test(entry))) {
    // A private key put here by mistake is not to be repeated.
    reader.problem('RECIPIENTS', `must list public keys of age; not one: ${recipient.slice(0, 4)}…`)
  }
  return { mode, recipients, identityFile: reader.text('IDENTITY_FILE') }
}

function readS3(reader: Reader, bucket: string): S3Config {
  const endpoint = reader.text('S3_ENDPOINT')?.replace(/\/+$/, '')
  const url = endpoint !== undefined && URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (
    endpoint !== undefined &&
    (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.search !== '')
  ) {
    reader.problem('S3_ENDPOINT', 'must be a URL such as https://s3.example.org, without a user')
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/.test(bucket)) {
    reader.problem('S3_BUCKET', `must be the name of a bucket, is "${bucket}"`)
  }
  const region = reader.text('S3_REGION')
  if (region === undefined && endpoint === undefined) {
    reader.problem('S3_REGION', 'is not set, and without S3_ENDPOINT the region says where the bucket is')
  }
  const pathStyle = reader.choice('S3_PATH_STYLE', ['Auto', 'true', 'false'])
  return {
    endpoint,
    region: region ?? 'us-east-1',
    bucket,
    pathStyle: pathStyle === 'Auto' ? wantsPathStyle(url, bucket) : pathStyle === 'true',
    caFile: reader.text('S3_CA_FILE'),
    objectLock: reader.choice('S3_OBJECT_LOCK', ['Auto', 'Off']),
    credentials: readCredentials(reader),
  }
}

/** Servers of one's own seldom have a host name for each bucket; a bucket with dots in its name fits no certificate. */
function wantsPathStyle(endpoint: URL | undefined, bucket: string): boolean {
  return bucket.includes('.') || (endpoint !== undefined && !endpoint.hostname.endsWith('.amazonaws.com'))
}

function readCredentials(reader: Reader): S3Config['credentials'] {
  const accessKeyId = reader.secret('S3_ACCESS_KEY_ID')
  const secretAccessKey = reader.secret('S3_SECRET_ACCESS_KEY')
  const sessionToken = reader.secret('S3_SESSION_TOKEN')
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    reader.problem('S3_ACCESS_KEY_ID', 'and S3_SECRET_ACCESS_KEY go together, and one of them is not set')
  }
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    return undefined
  }
  return { accessKeyId, secretAccessKey, sessionToken }
}

import type { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectLockConfigurationCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { ObjectExistsError, ObjectNotFoundError } from '../../errors.ts'
import { checkKey, checkPrefix } from './object-key.ts'
import { defaultRetryPolicy } from './retry.ts'
import { S3Connection, type S3Limits } from './s3-connection.ts'
import { downloadStream } from './s3-download.ts'
import { S3Failure } from './s3-failure.ts'
import { listObjects, listUploads } from './s3-listing.ts'
import { uploadStream, type LockHeaders } from './s3-upload.ts'
import type { S3Config } from './store-config.ts'
import { collectText, type Store, type StoredObject, type TransferOptions, type WriteOptions, type WrittenObject } from './store.ts'

/** What an S3 store is made of. */
export interface S3StoreOptions {
  readonly name: string
  readonly prefix?: string
  readonly s3: S3Config
  /** Told what a person should know and no one needs to act on at once. */
  readonly onNotice?: (message: string) => void
  /** Other than the {@link defaultLimits}; for tests. */
  readonly limits?: Partial<S3Limits>
}

/** The smallest part that S3 takes: three of them are in memory. */
const partBytes = 5 * 1024 * 1024
const defaultLimits: S3Limits = { retry: defaultRetryPolicy, requestMs: 30_000, transferMs: 120_000, partBytes }

/** Archives in a bucket. */
export function createS3Store({ limits, ...options }: S3StoreOptions): Store {
  return new S3Store({ ...options, limits: { ...defaultLimits, ...limits } })
}

class S3Store implements Store {
  readonly name: string
  readonly place: string
  readonly #connection: S3Connection
  readonly #base: string
  readonly #wantsLock: boolean
  readonly #onNotice: (message: string) => void
  #locks: Promise<boolean> | undefined
  #conditional = true

  constructor({ name, prefix = '', s3, onNotice, limits }: S3StoreOptions & { readonly limits: S3Limits }) {
    const base = checkPrefix(prefix)
    this.name = name
    this.place = `${s3.endpoint ?? `S3 in ${s3.region}`}, bucket ${s3.bucket}`
    this.#base = base === '' ? '' : `${base}/`
    this.#wantsLock = s3.objectLock === 'Auto'
    this.#onNotice = onNotice ?? (() => undefined)
    this.#connection = new S3Connection({ label: `store ${name} (${this.place})`, s3, limits })
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    const doing = `cannot list ${prefix}`
    for await (const object of listObjects({ connection: this.#connection, prefix: this.#base + prefix, doing })) {
      yield { ...object, key: object.key.slice(this.#base.length) }
    }
  }

  async read(key: string, { signal }: TransferOptions = {}): Promise<Readable> {
    try {
      return await downloadStream({ connection: this.#connection, key: this.#full(key), doing: `cannot read ${key}`, signal })
    } catch (error) {
      throw this.#orNotFound(error, key)
    }
  }

  async readText(key: string, maxBytes: number): Promise<string> {
    return await collectText(await this.read(key), {
      maxBytes,
      tooLong: () =>
        this.#connection.failure(
          { code: 'TooLong', status: 200, message: `longer than the ${maxBytes} bytes that it may have` },
          { doing: `cannot read ${key}` },
        ),
    })
  }

  async write(key: string, body: AsyncIterable<Uint8Array>, { signal, retainUntil }: WriteOptions = {}): Promise<WrittenObject> {
    const lock = await this.#lockHeaders(retainUntil)
    return await uploadStream({ connection: this.#connection, key: this.#full(key), body, doing: `cannot write ${key}`, lock, signal })
  }

  async create(key: string, text: string, { retainUntil }: WriteOptions = {}): Promise<void> {
    // A server that passes the condition over would not refuse: what is there already is looked for as well.
    if (!(await this.#isAbsent(key))) {
      throw this.#exists(key)
    }
    const lock = await this.#lockHeaders(retainUntil)
    try {
      await this.#put(key, text, { ...lock, ...(this.#conditional ? { IfNoneMatch: '*' } : {}) })
    } catch (error) {
      await this.#settleCreate(key, text, { error, lock })
    }
  }

  async #settleCreate(key: string, text: string, { error, lock }: { readonly error: unknown; readonly lock: LockHeaders }): Promise<void> {
    if (!(error instanceof S3Failure)) {
      throw error
    }
    if (error.status === 412 || error.s3Code === 'PreconditionFailed') {
      // Perhaps it is what we wrote ourselves, in a try whose answer was lost.
      if (error.ambiguous && (await this.readText(key, Buffer.byteLength(text) + 1).catch(() => undefined)) === text) {
        return
      }
      throw this.#exists(key)
    }
    if (!this.#conditional || !refusesCondition(error)) {
      throw error
    }
    this.#conditional = false
    this.#onNotice(
      `store ${this.name} (${this.place}) does not know conditional writes: whether an object is there already is only looked up before it is written`,
    )
    await this.#put(key, text, lock)
  }

  async replace(key: string, text: string): Promise<void> {
    await this.#put(key, text, {})
  }

  async #put(key: string, text: string, headers: LockHeaders & { readonly IfNoneMatch?: string }): Promise<void> {
    const put = new PutObjectCommand({
      Bucket: this.#connection.bucket,
      Key: this.#full(key),
      Body: Buffer.from(text),
      ContentType: 'application/json',
      ...headers,
    })
    await this.#connection.send((client, options) => client.send(put, options), { doing: `cannot write ${key}` })
  }

  async #isAbsent(key: string): Promise<boolean> {
    const head = new HeadObjectCommand({ Bucket: this.#connection.bucket, Key: this.#full(key) })
    try {
      await this.#connection.send((client, options) => client.send(head, options), { doing: `cannot write ${key}` })
      return false
    } catch (error) {
      // Besides not found: what may write and not read learns nothing here, and a refusal has no words yet. The write itself decides.
      if (error instanceof S3Failure && error.status !== undefined && error.status < 500) {
        return true
      }
      throw error
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const remove = new DeleteObjectCommand({ Bucket: this.#connection.bucket, Key: this.#full(key) })
      try {
        await this.#connection.send((client, options) => client.send(remove, options), { doing: `cannot remove ${key}` })
      } catch (error) {
        if (!(error instanceof S3Failure) || error.s3Code !== 'NoSuchKey') {
          throw error
        }
      }
    }
  }

  async dropUnfinished(before: Date): Promise<number> {
    const doing = 'cannot look after unfinished uploads'
    const { bucket } = this.#connection
    let dropped = 0
    for await (const upload of listUploads({ connection: this.#connection, prefix: this.#base, doing })) {
      const { Key: key, UploadId: id, Initiated: begun } = upload
      if (key?.startsWith(this.#base) === true && id !== undefined && begun !== undefined && begun < before) {
        const abort = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: id })
        await this.#connection.send((client, options) => client.send(abort, options), { doing })
        dropped += 1
      }
    }
    return dropped
  }

  close(): Promise<void> {
    this.#connection.close()
    return Promise.resolve()
  }

  async #lockHeaders(retainUntil: Date | undefined): Promise<LockHeaders> {
    if (retainUntil === undefined || !this.#wantsLock) {
      return {}
    }
    this.#locks ??= this.#hasLocks()
    return (await this.#locks) ? { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: retainUntil } : {}
  }

  async #hasLocks(): Promise<boolean> {
    const get = new GetObjectLockConfigurationCommand({ Bucket: this.#connection.bucket })
    const doing = 'cannot ask for object lock'
    try {
      const { ObjectLockConfiguration: found } = await this.#connection.send((client, options) => client.send(get, options), { doing })
      return found?.ObjectLockEnabled === 'Enabled'
    } catch (error) {
      if (!(error instanceof S3Failure) || error.status === undefined || error.s3Code === 'NoSuchBucket' || isPassing(error.status)) {
        throw error
      }
      if (error.status === 403) {
        this.#onNotice(`store ${this.name} (${this.place}) does not let us see whether it has object lock: archives are written without`)
      }
      return false
    }
  }

  #full(key: string): string {
    return this.#base + checkKey(key)
  }

  #exists(key: string): ObjectExistsError {
    return new ObjectExistsError(`store ${this.name} (${this.place}): ${key} is there already; it was left as it is`)
  }

  #orNotFound(error: unknown, key: string): unknown {
    const gone = error instanceof S3Failure && (error.s3Code === 'NoSuchKey' || error.s3Code === 'NotFound')
    return gone ? new ObjectNotFoundError(`store ${this.name} (${this.place}): ${key} is not there`, error) : error
  }
}

const isPassing = (status: number): boolean => status >= 500 && status !== 501

/** What servers answer that do not know `If-None-Match` on a write. */
function refusesCondition({ status, s3Code, message }: S3Failure): boolean {
  return status === 501 || s3Code === 'NotImplemented' || (status === 400 && /if-none-match|conditional|header/i.test(message))
}

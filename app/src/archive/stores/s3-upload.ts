import { createHash } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3'
import { PartBuffer } from './part-buffer.ts'
import type { S3Connection } from './s3-connection.ts'
import { S3Failure } from './s3-failure.ts'
import type { WrittenObject } from './store.ts'

/** Headers of a new object that lock it. */
export interface LockHeaders {
  readonly ObjectLockMode?: 'GOVERNANCE'
  readonly ObjectLockRetainUntilDate?: Date
}

/** What is uploaded, and where to. */
export interface UploadOptions {
  readonly connection: S3Connection
  /** With the store's prefix. */
  readonly key: string
  readonly body: AsyncIterable<Uint8Array>
  readonly doing: string
  readonly lock: LockHeaders
  readonly signal?: AbortSignal | undefined
}

/** One part is filled while these are sent: three buffers in all. */
const maxInFlight = 2
/** S3 takes at most 10,000 parts; they double after each quarter, which with 5 MiB comes to 183 GiB. */
const partsOfOneSize = 2500
const typeOfAll = 'application/octet-stream'

/**
 * Uploads a stream in constant memory: one request where it fits into one part, else a multipart upload. Each part is signed with its SHA-256 and
 * carries a CRC-32, and the server refuses it when either is wrong. What failed is taken back.
 */
export async function uploadStream(options: UploadOptions): Promise<WrittenObject> {
  const hash = createHash('sha256')
  let size = 0
  const upload = new MultipartUpload(options)
  try {
    for await (const chunk of options.body) {
      options.signal?.throwIfAborted()
      hash.update(chunk)
      size += chunk.byteLength
      await upload.parts.add(chunk)
    }
    options.signal?.throwIfAborted()
    await upload.finish(size)
  } catch (error) {
    await upload.abort()
    throw error
  }
  return { size, sha256: hash.digest('hex') }
}

class MultipartUpload {
  readonly parts: PartBuffer
  readonly #options: UploadOptions
  readonly #ending = new AbortController()
  readonly #done: CompletedPart[] = []
  #uploadId: Promise<string> | undefined

  constructor(options: UploadOptions) {
    this.#options = options
    const { partBytes } = options.connection.limits
    this.parts = new PartBuffer({
      sizeOf: (partNumber) => partBytes * 2 ** Math.min(Math.floor((partNumber - 1) / partsOfOneSize), 3),
      send: (part, partNumber) => this.#sendPart(part, partNumber),
      maxInFlight,
    })
  }

  async finish(size: number): Promise<void> {
    if (this.parts.sent === 0) {
      await this.#putWhole(this.parts.rest())
      return
    }
    await this.parts.end()
    await this.#complete(size)
  }

  async #putWhole(body: Uint8Array): Promise<void> {
    const { connection, key, lock, doing, signal } = this.#options
    const put = new PutObjectCommand({ Bucket: connection.bucket, Key: key, Body: body, ContentType: typeOfAll, ...lock })
    await connection.send((client, options) => client.send(put, options), { doing, signal, timeoutMs: connection.limits.transferMs })
  }

  async #begin(): Promise<string> {
    const { connection, key, lock, doing, signal } = this.#options
    const create = new CreateMultipartUploadCommand({
      Bucket: connection.bucket,
      Key: key,
      ContentType: typeOfAll,
      ChecksumAlgorithm: 'CRC32',
      ...lock,
    })
    const { UploadId: id } = await connection.send((client, options) => client.send(create, options), { doing, signal })
    if (id === undefined) {
      throw connection.failure({ code: 'NoUploadId', status: 200, message: 'an upload was begun without an id' }, { doing })
    }
    return id
  }

  async #sendPart(part: Uint8Array, partNumber: number): Promise<void> {
    const { connection, key, doing, signal } = this.#options
    this.#uploadId ??= this.#begin()
    const send = new UploadPartCommand({
      Bucket: connection.bucket,
      Key: key,
      UploadId: await this.#uploadId,
      PartNumber: partNumber,
      Body: part,
      ChecksumAlgorithm: 'CRC32',
    })
    const { ETag, ChecksumCRC32 } = await connection.send((client, options) => client.send(send, options), {
      doing: `${doing}, part ${partNumber}`,
      signal: signal === undefined ? this.#ending.signal : AbortSignal.any([signal, this.#ending.signal]),
      timeoutMs: connection.limits.transferMs,
    })
    this.#done.push({ PartNumber: partNumber, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) })
  }

  async #complete(size: number): Promise<void> {
    const { connection, key, doing, signal } = this.#options
    const complete = new CompleteMultipartUploadCommand({
      Bucket: connection.bucket,
      Key: key,
      UploadId: await this.#uploadId,
      MultipartUpload: { Parts: this.#done.toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0)) },
    })
    try {
      // Putting thousands of parts together takes servers a while.
      await connection.send((client, options) => client.send(complete, options), { doing, signal, timeoutMs: connection.limits.transferMs })
    } catch (error) {
      // The answer to an earlier try was lost on its way, and the upload is no more because it is done.
      const maybeDone = error instanceof S3Failure && error.ambiguous && error.s3Code === 'NoSuchUpload'
      if (!maybeDone || (await this.#sizeThere()) !== size) {
        throw error
      }
    }
  }

  async #sizeThere(): Promise<number | undefined> {
    const { connection, key, doing, signal } = this.#options
    const head = new HeadObjectCommand({ Bucket: connection.bucket, Key: key })
    const { ContentLength } = await connection.send((client, options) => client.send(head, options), { doing, signal })
    return ContentLength
  }

  /** Takes the parts back, as well as that can be done; what stays is dropped by a later prune. */
  async abort(): Promise<void> {
    this.#ending.abort()
    await this.parts.settle()
    const id = await this.#uploadId?.catch(() => undefined)
    if (id !== undefined) {
      const { connection, key, doing } = this.#options
      const abort = new AbortMultipartUploadCommand({ Bucket: connection.bucket, Key: key, UploadId: id })
      await connection.send((client, options) => client.send(abort, options), { doing }).catch(() => undefined)
    }
  }
}

import type { Readable } from 'node:stream'
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { pulledStream } from './pulled-stream.ts'
import { NoAnswerError, type S3Connection } from './s3-connection.ts'
import { isRetryable, readAnswer } from './s3-failure.ts'
import { retryDelay } from './retry.ts'
import { setTimeout as sleep } from 'node:timers/promises'

/** What is downloaded. */
export interface DownloadOptions {
  readonly connection: S3Connection
  /** With the store's prefix. */
  readonly key: string
  readonly doing: string
  readonly signal?: AbortSignal | undefined
}

/** Opens an object as a stream that goes on where it was cut, as long as the object is still the same. */
export async function downloadStream(options: DownloadOptions): Promise<Readable> {
  const download = new Download(options)
  await download.open()
  return pulledStream(download, options.signal)
}

class Download {
  readonly #options: DownloadOptions
  #body: AsyncIterator<Uint8Array> | undefined
  #stream: Readable | undefined
  #size = 0
  #received = 0
  #etag: string | undefined
  /** Cuts in a row without a byte between them. */
  #cuts = 0

  constructor(options: DownloadOptions) {
    this.#options = options
  }

  /** Asks for the object from the first byte that is missing. */
  async open(): Promise<void> {
    const { connection, key, doing, signal } = this.#options
    const get = new GetObjectCommand({
      Bucket: connection.bucket,
      Key: key,
      ...(this.#etag === undefined ? {} : { IfMatch: this.#etag, Range: `bytes=${this.#received}-` }),
    })
    const answer = await connection.send((client, options) => client.send(get, options), { doing, signal })
    this.#adopt(answer)
  }

  #adopt({ Body: body, ContentLength: length, ContentRange: range, ETag: etag }: GetObjectCommandOutput): void {
    const resumed = this.#etag !== undefined
    const from = Number(/^bytes (\d+)-/.exec(range ?? '')?.[1] ?? 0)
    if (resumed && (from !== this.#received || etag !== this.#etag)) {
      throw this.#broken('the store did not go on where it was cut')
    }
    this.#size = this.#received + (length ?? 0)
    this.#etag = etag
    this.#stream = body as Readable
    this.#body = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  }

  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      let cause: unknown
      try {
        const { done, value } = await this.#nextWithin()
        if (done !== true) {
          this.#received += value.byteLength
          this.#cuts = 0
          return value
        }
        if (this.#received === this.#size) {
          return undefined
        }
        cause = new Error(`the answer ended after ${this.#received} of ${this.#size} bytes`)
      } catch (error) {
        cause = error
      }
      await this.#resume(cause)
    }
  }

  async #nextWithin(): Promise<IteratorResult<Uint8Array>> {
    const { transferMs } = this.#options.connection.limits
    const timer = setTimeout(() => this.#stream?.destroy(new NoAnswerError(`no byte within ${transferMs / 1000} s`)), transferMs)
    try {
      return (await this.#body?.next()) ?? { done: true, value: undefined }
    } finally {
      clearTimeout(timer)
    }
  }

  async #resume(cause: unknown): Promise<void> {
    const { connection, doing, signal } = this.#options
    signal?.throwIfAborted()
    this.#cuts += 1
    const answer = readAnswer(cause)
    if (this.#cuts >= connection.limits.retry.attempts || this.#etag === undefined || !isRetryable(answer)) {
      throw connection.failure(answer, { doing: `${doing}, after ${this.#received} of ${this.#size} bytes` })
    }
    await this.close()
    await sleep(retryDelay(connection.limits.retry, this.#cuts + 1, Math.random()), undefined, signal === undefined ? {} : { signal })
    await this.open()
  }

  #broken(message: string): Error {
    return this.#options.connection.failure({ code: 'Changed', status: 200, message }, { doing: this.#options.doing })
  }

  close(): Promise<void> {
    this.#stream?.destroy()
    return Promise.resolve()
  }
}

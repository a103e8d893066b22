import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { ConfigError, messageOf } from '../../errors.ts'
import { retry, type RetryPolicy } from './retry.ts'
import { describeAnswer, isAmbiguous, isRetryable, readAnswer, S3Failure, type S3Answer } from './s3-failure.ts'
import type { S3Config } from './store-config.ts'

/** How long things may take; bounded so that a store that hangs is told from one that is slow. */
export interface S3Limits {
  readonly retry: RetryPolicy
  /** Milliseconds for one try of a small request. */
  readonly requestMs: number
  /** Milliseconds for one try of a request that carries a part, and for a reader without a byte. */
  readonly transferMs: number
  /** Bytes of a part; S3 takes no less than 5 MiB, except for the last. */
  readonly partBytes: number
}

/** What one request is about. */
export interface SendOptions {
  /** For the message, such as `cannot write a/b`. */
  readonly doing: string
  readonly signal?: AbortSignal | undefined
  /** For one try; default: {@link S3Limits.requestMs}. */
  readonly timeoutMs?: number
}

/** Requests to one bucket: credentials, bounded time, bounded retries, and errors that say which store failed. */
export class S3Connection {
  readonly bucket: string
  readonly limits: S3Limits
  readonly #client: S3Client
  readonly #label: string
  readonly #secrets: readonly string[]

  constructor({ label, s3, limits }: { readonly label: string; readonly s3: S3Config; readonly limits: S3Limits }) {
    this.bucket = s3.bucket
    this.limits = limits
    this.#label = label
    this.#secrets = Object.values(s3.credentials ?? {}).filter((value): value is string => value !== undefined && value !== '')
    this.#client = new S3Client(clientConfig(s3))
  }

  /**
   * Sends one request, again where that may help.
   *
   * @throws {@link S3Failure} when it failed for good, or the reason of the signal when that ended it
   */
  async send<Output>(
    request: (client: S3Client, options: { readonly abortSignal: AbortSignal }) => Promise<Output>,
    { doing, signal, timeoutMs = this.limits.requestMs }: SendOptions,
  ): Promise<Output> {
    const started = performance.now()
    let tries = 0
    let ambiguous = false
    try {
      return await retry(
        async () => {
          tries += 1
          try {
            return await this.#once(request, timeoutMs, signal)
          } catch (error) {
            ambiguous ||= isAmbiguous(readAnswer(error))
            throw error
          }
        },
        { policy: this.limits.retry, retryable: (error) => isRetryable(readAnswer(error)), signal },
      )
    } catch (error) {
      signal?.throwIfAborted()
      const seconds = Math.round((performance.now() - started) / 100) / 10
      throw this.failure(readAnswer(error), { doing: tries > 1 ? `${doing} (${tries} tries in ${seconds} s)` : doing, ambiguous })
    }
  }

  async #once<Output>(
    request: (client: S3Client, options: { readonly abortSignal: AbortSignal }) => Promise<Output>,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Output> {
    // A signal of one's own and not AbortSignal.timeout: that one keeps running when the request is done.
    const attempt = new AbortController()
    const timer = setTimeout(() => attempt.abort(), timeoutMs)
    try {
      const abortSignal = signal === undefined ? attempt.signal : AbortSignal.any([signal, attempt.signal])
      return await request(this.#client, { abortSignal })
    } catch (error) {
      if (attempt.signal.aborted) {
        throw new NoAnswerError(`nothing within ${timeoutMs / 1000} s`)
      }
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** An error about this store. Its cause keeps what the store said and nothing of the request, which holds the access key. */
  failure(answer: S3Answer, { doing, ambiguous = false }: { readonly doing: string; readonly ambiguous?: boolean }): S3Failure {
    const clean = { ...answer, message: this.#withoutSecrets(answer.message) }
    const cause = new Error(`${clean.code}: ${clean.message}`)
    return new S3Failure(`${this.#label}: ${doing}: ${describeAnswer(clean)}`, clean, { ambiguous, cause })
  }

  #withoutSecrets(text: string): string {
    return this.#secrets.reduce((clean, secret) => clean.replaceAll(secret, '…'), text)
  }

  close(): void {
    this.#client.destroy()
  }
}

/** The time for one try was up. */
export class NoAnswerError extends Error {
  readonly code = 'NoAnswer'
}

function clientConfig({ endpoint, region, pathStyle, caFile, credentials }: S3Config): S3ClientConfig {
  return {
    region,
    forcePathStyle: pathStyle,
    // Tries are counted by us, over all kinds of failure.
    maxAttempts: 1,
    // Whoever reads an archive compares its SHA-256 with the manifest; what is written is checked by the server.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestChecksumCalculation: 'WHEN_SUPPORTED',
    // A server that does not know the header would make every part wait.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: 10_000,
      httpAgent: { keepAlive: true, maxSockets: 8 },
      httpsAgent: new Agent({ keepAlive: true, maxSockets: 8, ...(caFile === undefined ? {} : { ca: readAuthority(caFile) }) }),
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined
      ? {}
      : {
          credentials: {
            accessKeyId: credentials.accessKeyId,
            secretAccessKey: credentials.secretAccessKey,
            ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
          },
        }),
  }
}

function readAuthority(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError([`the CA file of the store cannot be read: ${messageOf(error)}`])
  }
}

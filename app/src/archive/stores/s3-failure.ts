import { S3ServiceException } from '@aws-sdk/client-s3'
import { messageOf, StoreUnavailableError, type StoreFailure } from '../../errors.ts'

/** What is known of a request that failed. */
export interface S3Answer {
  /** S3's word for it, such as `NoSuchKey`; or the code of a network error. */
  readonly code: string
  /** Undefined when there was no answer. */
  readonly status: number | undefined
  readonly message: string
}

/** A request to a bucket that failed for good. */
export class S3Failure extends StoreUnavailableError {
  readonly s3Code: string
  readonly status: number | undefined
  /** Whether an earlier attempt may have done what it was asked for, without our having seen the answer. */
  readonly ambiguous: boolean

  constructor(message: string, answer: S3Answer, { ambiguous, cause }: { readonly ambiguous: boolean; readonly cause: Error }) {
    super(message, failureOf(answer), cause)
    this.name = 'S3Failure'
    this.s3Code = answer.code
    this.status = answer.status
    this.ambiguous = ambiguous
  }
}

/** Reads what the SDK threw. Nothing of the request is kept: its headers name the access key. */
export function readAnswer(error: unknown): S3Answer {
  if (error instanceof S3ServiceException) {
    return { code: error.name, status: error.$metadata.httpStatusCode, message: error.message }
  }
  // A body that is not XML (a proxy's page, half a listing) is a SyntaxError or a plain Error that carries the response.
  const status = (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode
  const code = error instanceof Error ? ('code' in error && typeof error.code === 'string' ? error.code : error.name) : 'Unknown'
  return { code, status, message: messageOf(error) }
}

const retryableCodes = new Set([
  'SlowDown',
  'InternalError',
  'ServiceUnavailable',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'IncompleteBody',
  'OperationAborted',
  'ConditionalRequestConflict',
])

const certificateCodes = /CERT|SIGNATURE|SELF_SIGNED|ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO_/
const full = /quota|storage ?full|insufficient ?storage|no ?space|EntityTooLarge|TooManyParts/i
const denied =
  /AccessDenied|InvalidAccessKeyId|UserNotFound|SignatureDoesNotMatch|ExpiredToken|InvalidToken|TokenRefreshRequired|Credentials|AllAccessDisabled/

/** Whether another attempt may succeed: no answer, an answer cut short, or one that says so. What cannot change by itself is not tried again. */
export function isRetryable({ code, status }: S3Answer): boolean {
  if (retryableCodes.has(code)) {
    return true
  }
  if (status === undefined) {
    return !certificateCodes.test(code) && !denied.test(code)
  }
  return status === 429 || (status >= 500 && status !== 501 && status !== 507) || status < 300
}

/** Whether the server may have done what was asked for although it failed for us. */
export function isAmbiguous({ status }: S3Answer): boolean {
  return status === undefined || status >= 500 || status < 300
}

function failureOf({ code, status, message }: S3Answer): StoreFailure {
  if (full.test(code) || full.test(message) || status === 507) {
    return 'Full'
  }
  if (denied.test(code) || status === 401 || status === 403) {
    return 'Denied'
  }
  if (code === 'NoSuchBucket') {
    return 'Missing'
  }
  return status === undefined ? 'Unreachable' : 'Failing'
}

/** What happened, in words. */
export function describeAnswer(answer: S3Answer): string {
  const { code, status, message } = answer
  const said = message === '' || message === 'UnknownError' ? code : message.includes(code) ? message : `${code}: ${message}`
  switch (failureOf(answer)) {
    case 'Denied': {
      return `the store refuses these credentials (${said})`
    }
    case 'Missing': {
      return `there is no such bucket (${said})`
    }
    case 'Full': {
      return `the store is full (${said})`
    }
    case 'Unreachable': {
      return certificateCodes.test(code)
        ? `the certificate of the store is not trusted (${said}); a CA file names the authority that signed it`
        : `no answer (${said})`
    }
    default: {
      return `the store answered ${status ?? ''} (${said})`
    }
  }
}

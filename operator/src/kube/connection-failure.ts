import { ConnectionError, type ConnectionFailure } from './errors.ts'

interface CodedError extends Error {
  readonly code?: string
}

/** Failures after which the server certainly saw nothing of the request. */
const neverSent = new Set<ConnectionFailure>(['Refused', 'DNS', 'TLS', 'Proxy'])

const failures: readonly (readonly [RegExp, ConnectionFailure])[] = [
  [/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|UND_ERR_CONNECT_TIMEOUT)$/, 'Refused'],
  [/^(ENOTFOUND|EAI_)/, 'DNS'],
  [/^(ECONNRESET|EPIPE|ETIMEDOUT|UND_ERR_SOCKET|UND_ERR_CLOSED|UND_ERR_DESTROYED|ERR_HTTP2_|HPE_|UND_ERR_INFO)/, 'Reset'],
  [/^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|ERR_OSSL_)/, 'TLS'],
  [/^(UND_ERR_PRX_TLS|UND_ERR_PROXY)/, 'Proxy'],
]

/** Turns what undici or Node threw into a {@link ConnectionError}. Several addresses tried in vain come as one error with all of them inside. */
export function toConnectionError(call: string, thrown: unknown): ConnectionError {
  const [error] = thrown instanceof AggregateError ? (thrown.errors as unknown[]) : [thrown]
  const coded: CodedError = error instanceof Error ? error : new Error(String(error))
  const cause = coded.cause instanceof Error ? (coded.cause as CodedError) : undefined
  const failure = classify(coded) ?? (cause && classify(cause)) ?? 'Other'
  const message = coded.message || coded.code || coded.name
  return new ConnectionError({ call, failure, maybeSent: !neverSent.has(failure), message, cause: thrown })
}

function classify(error: CodedError): ConnectionFailure | undefined {
  if (error.message.startsWith('Proxy response')) return 'Proxy'
  const code = error.code ?? ''
  return failures.find(([pattern]) => pattern.test(code))?.[1]
}

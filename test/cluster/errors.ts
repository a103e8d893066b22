/** What went wrong in the harness, as a stable word that callers and tests can compare. */
export type ClusterErrorCode =
  | 'Usage'
  | 'NotRoot'
  | 'MissingPrerequisite'
  | 'PortInUse'
  | 'NotRunning'
  | 'Busy'
  | 'Timeout'
  | 'ComponentFailed'
  | 'CacheUnusable'
  | 'CommandFailed'
  | 'ApiFailed'
  | 'NotFound'

/** Further parts of a `ClusterError`. */
export interface ClusterErrorOptions extends ErrorOptions {
  /** What a person reads after the one line: the last lines of a log, the whole answer of a server. */
  readonly details?: string
}

/** An expected failure of the harness. Its message is one line that says what happened, to what, and what to do. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError'
  readonly code: ClusterErrorCode
  readonly details: string | undefined

  constructor(code: ClusterErrorCode, message: string, options: ClusterErrorOptions = {}) {
    super(message, options)
    this.code = code
    this.details = options.details
  }

  /** Exit code of the command line: 2 for wrong usage, 1 for everything that failed while running. */
  get exitCode(): 1 | 2 {
    return this.code === 'Usage' ? 2 : 1
  }
}

/** The one-line text of anything that was thrown; a full disk gets the advice that Node's message lacks. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const line = error.message.split('\n', 1)[0] ?? error.message
  if (!('code' in error) || error.code !== 'ENOSPC') return line
  return `no space left on the disk: free some, or point XDG_CACHE_HOME and XDG_STATE_HOME at another one (${line})`
}

/** What went wrong in the harness, as a stable word that callers and tests can compare. */
export type ClusterErrorCode =
  | 'Usage'
  | 'NotRoot'
  | 'ToolMissing'
  | 'PortInUse'
  | 'NoSpace'
  | 'NotRunning'
  | 'Busy'
  | 'Timeout'
  | 'ComponentFailed'
  | 'CommandFailed'
  | 'ApiFailed'
  | 'NotFound'

/** An expected failure of the harness. Its message is one line that says what happened, to what, and what to do. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError'
  readonly code: ClusterErrorCode

  constructor(code: ClusterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  /** Exit code of the command line: 2 for wrong usage, 1 for everything that failed while running. */
  get exitCode(): 1 | 2 {
    return this.code === 'Usage' ? 2 : 1
  }
}

/** The one-line text of anything that was thrown; a missing disk gets the advice that Node's message lacks. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'ENOSPC') return `no space left on the disk: free some, or move XDG_CACHE_HOME and XDG_STATE_HOME (${error.message})`
  return error.message.split('\n', 1)[0] ?? error.message
}

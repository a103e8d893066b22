/** What a fault rule looks at. */
export interface SeenRequest {
  readonly method: string
  /** Path without query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly isWatch: boolean
}

/** What the proxy does to a request instead of, or beside, passing it on. */
export type Fault =
  /** Ends the connection when the request arrives: the API server never sees it. */
  | { readonly type: 'CutBefore' }
  /** Passes the request on, and ends the connection when the answer is there: it was done, and nobody is told. */
  | { readonly type: 'CutAfter' }
  /** Passes the request on, and ends the connection in the middle of the answer. */
  | { readonly type: 'CutInside' }
  /** Never answers. */
  | { readonly type: 'Hang' }
  /** Answers by itself, as the API server does. */
  | { readonly type: 'Refuse'; readonly status: number; readonly reason: string; readonly retryAfterSeconds?: number }
  /** Answers with a page of HTML, as a gateway does. */
  | { readonly type: 'Html'; readonly status: number }
  /** Waits before it passes the request on. */
  | { readonly type: 'Delay'; readonly milliseconds: number }
  /** Passes a few bytes on at a time. */
  | { readonly type: 'Trickle'; readonly bytes: number; readonly everyMs: number }
  /** Passes each event of a watch on twice. */
  | { readonly type: 'Duplicate' }
  /** Holds each event of a watch back, so that changes of several resources arrive in another order than they were made in. */
  | { readonly type: 'Lag'; readonly milliseconds: number }
  /** Answers a watch with an `ERROR` event. */
  | { readonly type: 'WatchError'; readonly status: number; readonly reason: string; readonly retryAfterSeconds?: number }
  /** Answers a watch and closes it in good order with nothing in it. */
  | { readonly type: 'EmptyWatch' }

/** A fault and whom it hits. */
export interface FaultRule {
  readonly fault: Fault
  /** Default: everything. */
  readonly when?: (request: SeenRequest) => boolean
  /** After so many hits the rule is gone. Default: never. */
  readonly times?: number
}

/** What can be done to a watch that is open. `mute`: it stays open and never says anything again. */
export type Strike = 'cut' | 'halfLine' | 'end' | 'expired' | 'serverError' | 'mute'

/** A `metav1.Status` of a failure. */
export function failureStatus(status: number, reason: string, retryAfterSeconds?: number): string {
  return JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `injected by the fault proxy: ${reason}`,
    reason,
    code: status,
    ...(retryAfterSeconds !== undefined && { details: { retryAfterSeconds } }),
  })
}

/** An `ERROR` line of a watch. */
export function errorLine(status: number, reason: string, retryAfterSeconds?: number): string {
  return `{"type":"ERROR","object":${failureStatus(status, reason, retryAfterSeconds)}}\n`
}

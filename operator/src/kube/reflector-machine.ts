import {
  ApiError,
  ConnectionError,
  DeadlineExceeded,
  isExpired,
  isTooLargeResourceVersion,
  MalformedAnswer,
  WatchSilent,
} from './errors.ts'

/** What a reflector does next. Plain data: the whole behaviour of a reflector is {@link stepMachine}, which does no I/O. */
export type MachineState =
  /** Opens a watch that brings the collection first. `version`: at least so new; empty for the newest. */
  | { readonly phase: 'StreamingList'; readonly version: string }
  /** Reads the collection by list calls: `0` for whatever the server's cache has, a version for nothing older, empty for the newest. */
  | { readonly phase: 'Listing'; readonly version: string; readonly paged: boolean }
  | { readonly phase: 'Watching'; readonly version: string }
  /** Waits; `delayMs` is what the server asks for at least, the backoff may make it longer. */
  | { readonly phase: 'BackingOff'; readonly atLeastMs: number; readonly next: MachineState }

/** Why a list or a watch failed, as far as it decides what comes next. */
export type Failure =
  /** The version is too old (410), in the HTTP status or inside the watch. */
  | 'Expired'
  /** The version is newer than the server. */
  | 'TooLarge'
  | 'Throttled'
  /** No connection, or it broke. */
  | 'Connection'
  /** No byte for too long, or no answer in time. */
  | 'Silent'
  /** 5xx, or an answer that is none. */
  | 'Server'
  /** The server does not know streaming lists. */
  | 'Unsupported'
  /** 401, 403, 404 and everything else: only somebody else can change it. */
  | 'Refused'
  /** A watch that ended too soon to have been one. */
  | 'ShortWatch'

/** What happened while a reflector was in a state. */
export type Outcome =
  /** The store holds the collection as of this version. */
  | { readonly type: 'Replaced'; readonly version: string }
  /** An event or a bookmark moved the version on. */
  | { readonly type: 'Advanced'; readonly version: string }
  /** The server closed the watch in good order. */
  | { readonly type: 'Ended'; readonly livedMs: number; readonly events: number }
  | { readonly type: 'Failed'; readonly failure: Failure; readonly retryAfterMs: number; readonly monotonic: number }
  | { readonly type: 'Waited' }

/** A state and what is remembered over states. */
export interface Machine {
  readonly state: MachineState
  /** Version up to which the store is complete; undefined at first, empty when the server does not have it any more (or not yet). */
  readonly version: string | undefined
  /** Whether streaming lists are tried. */
  readonly streaming: boolean
  /** Monotonic milliseconds of the first of the server failures in a row that a watch had. */
  readonly failingSince: number | undefined
}

/** A watch that is closed sooner, with nothing in it, is an error of the server (client-go: `VeryShortWatchError`). */
export const shortWatchMs = 1_000

/** A watch that lived so long is followed by the next one at once, a shorter one by a pause, so that a server that ends all of them is not flooded. */
export const decentWatchMs = 30_000

/** So long a watch is resumed where it was when the server fails inside (5xx); then the collection is read anew. */
export const serverFailureMs = 60_000

/** Where a reflector begins. */
export function startMachine(streaming: boolean): Machine {
  return { streaming, version: undefined, failingSince: undefined, state: streaming ? { phase: 'StreamingList', version: '' } : firstList }
}

const firstList: MachineState = { phase: 'Listing', version: '0', paged: true }

/**
 * What comes after what happened.
 *
 * | In | after | comes |
 * |---|---|---|
 * | any list | Replaced | Watching from there |
 * | StreamingList | Unsupported | Listing at once, and no streaming list any more |
 * | StreamingList | Expired, TooLarge | pause, StreamingList of the newest |
 * | StreamingList | Throttled, Connection | pause, the same again |
 * | StreamingList | anything else | pause, Listing |
 * | Listing of a version | Expired, TooLarge | Listing of the newest, at once |
 * | Listing of the newest | Expired (its pages grew too old) | pause, Listing in one piece |
 * | Listing | anything else | pause, the same again |
 * | Watching | Ended after ≥ 30 s, Silent | Watching from the last version, at once |
 * | Watching | Ended sooner, Throttled, Connection | pause, Watching from the last version |
 * | Watching | Server, for less than 60 s | pause, Watching from the last version |
 * | Watching | Expired | pause, list not older than the last version |
 * | Watching | TooLarge | pause, list of the newest |
 * | Watching | anything else | pause, list |
 */
export function stepMachine(machine: Machine, outcome: Outcome): Machine {
  switch (outcome.type) {
    case 'Replaced':
    case 'Advanced':
      return { ...machine, version: outcome.version, failingSince: undefined, state: { phase: 'Watching', version: outcome.version } }
    case 'Waited':
      return machine.state.phase === 'BackingOff' ? { ...machine, state: machine.state.next } : machine
    case 'Ended':
      return afterEnd(machine, outcome.livedMs)
    case 'Failed':
      return afterFailure(machine, outcome)
  }
}

/** Whether an end of a watch is a failure: it has to be reported and to count for the backoff. */
export function isShortWatch(livedMs: number, events: number): boolean {
  return livedMs < shortWatchMs && events === 0
}

function afterEnd(machine: Machine, livedMs: number): Machine {
  const { state } = machine
  // A streaming list that ended before its closing bookmark brought nothing that can be used.
  if (state.phase === 'StreamingList') return pause(machine, listOf(machine), 0)
  return livedMs >= decentWatchMs ? machine : pause(machine, state, 0)
}

function afterFailure(machine: Machine, { failure, retryAfterMs, monotonic }: Extract<Outcome, { type: 'Failed' }>): Machine {
  switch (machine.state.phase) {
    case 'StreamingList':
      return afterFailedStream(machine, failure, retryAfterMs)
    case 'Listing':
      return afterFailedList(machine, machine.state, failure, retryAfterMs)
    case 'Watching':
      return afterFailedWatch(machine, machine.state, failure, retryAfterMs, monotonic)
    case 'BackingOff':
      return machine
  }
}

function afterFailedStream(machine: Machine, failure: Failure, retryAfterMs: number): Machine {
  switch (failure) {
    case 'Unsupported':
      return { ...machine, streaming: false, state: listOf(machine) }
    case 'Expired':
    case 'TooLarge':
      return pause({ ...machine, version: '' }, { phase: 'StreamingList', version: '' }, retryAfterMs)
    case 'Throttled':
    case 'Connection':
      return pause(machine, machine.state, retryAfterMs)
    case 'Silent':
    case 'Server':
    case 'Refused':
    case 'ShortWatch':
      return pause(machine, listOf(machine), retryAfterMs)
  }
}

function afterFailedList(
  machine: Machine,
  state: Extract<MachineState, { phase: 'Listing' }>,
  failure: Failure,
  retryAfterMs: number,
): Machine {
  if (failure !== 'Expired' && failure !== 'TooLarge') return pause(machine, state, retryAfterMs)
  if (state.version !== '') return { ...machine, version: '', state: { phase: 'Listing', version: '', paged: true } }
  return pause(machine, { phase: 'Listing', version: '', paged: false }, retryAfterMs)
}

function afterFailedWatch(machine: Machine, state: MachineState, failure: Failure, retryAfterMs: number, monotonic: number): Machine {
  switch (failure) {
    case 'Silent':
      return machine
    case 'Throttled':
    case 'Connection':
    case 'ShortWatch':
      return pause(machine, state, retryAfterMs)
    case 'Server': {
      const failingSince = machine.failingSince ?? monotonic
      if (monotonic - failingSince < serverFailureMs) return pause({ ...machine, failingSince }, state, retryAfterMs)
      return pause({ ...machine, failingSince: undefined }, relistOf(machine), retryAfterMs)
    }
    case 'TooLarge': {
      const newest = { ...machine, version: '' }
      return pause(newest, machine.streaming ? relistOf(newest) : { phase: 'Listing', version: '', paged: true }, retryAfterMs)
    }
    case 'Expired':
    case 'Unsupported':
    case 'Refused':
      return pause(machine, relistOf(machine), retryAfterMs)
  }
}

function relistOf(machine: Machine): MachineState {
  return machine.streaming ? { phase: 'StreamingList', version: machine.version ?? '' } : listOf(machine)
}

function listOf(machine: Machine): MachineState {
  return machine.version === undefined ? firstList : { phase: 'Listing', version: machine.version, paged: true }
}

function pause(machine: Machine, next: MachineState, atLeastMs: number): Machine {
  return { ...machine, state: { phase: 'BackingOff', atLeastMs, next } }
}

/** What an error means for {@link stepMachine}. */
export function classifyFailure(error: unknown): Failure {
  if (isExpired(error)) return 'Expired'
  if (isTooLargeResourceVersion(error)) return 'TooLarge'
  if (error instanceof WatchSilent || error instanceof DeadlineExceeded) return 'Silent'
  if (error instanceof ConnectionError) return 'Connection'
  if (error instanceof MalformedAnswer) return 'Server'
  if (!(error instanceof ApiError)) return 'Refused'
  if (error.status === 429) return 'Throttled'
  if (error.status >= 500) return 'Server'
  return [400, 405, 406, 415, 422].includes(error.status) ? 'Unsupported' : 'Refused'
}

import type { NotejamInstance } from '../api/notejam.ts'
import { after, done, type Result } from '../runtime/result.ts'
import { dependsOnOthers } from './secrets.ts'

/** Seconds until Secrets that others change are read again, which nothing watches; spread over a fifth of it. */
const secretIntervalSeconds = 300
/** Seconds until a pass looks again for what it misses, where no watch tells: Secrets, claims and objects of others. */
const missingIntervalSeconds = 10
/** Seconds between looks at what an earlier instance of the same name left. */
const outlivedIntervalSeconds = 1
/** Seconds until a gate is looked at again: nothing watches other instances for it. */
const gateIntervalSeconds = 10
/** Longest sleep until an instant of a schedule, so that a clock that was set is noticed. */
const longestSleepSeconds = 3600
/** An instant that is as good as now is not waited for in less than this many seconds. */
const shortestSleepSeconds = 0.05

/** What an instance waits for that no watch tells. */
export interface Unwatched {
  /** Something of an earlier instance of the same name is still there. */
  readonly outlived: boolean
  /** Something that it needs is missing or refused. */
  readonly hasProblems: boolean
  /** Its image waits for what another instance says of it. */
  readonly waitsForGate: boolean
  /** Instants of schedules and deadlines, in milliseconds since 1970; those that have passed do not count. */
  readonly instants: readonly (number | undefined)[]
}

/** When an instance is looked at again without an event: not at all, if it waits for nothing but events. */
export function nextLook(instance: NotejamInstance, unwatched: Unwatched, { now, random }: { now: number; random: () => number }): Result {
  if (unwatched.outlived) return after(outlivedIntervalSeconds)
  if (unwatched.hasProblems) return after(missingIntervalSeconds)
  if (unwatched.waitsForGate) return after(gateIntervalSeconds)
  const coming = unwatched.instants
    .filter((instant) => instant !== undefined && instant > now)
    .map((instant) => Math.max(shortestSleepSeconds, ((instant ?? now) - now) / 1000))
  if (dependsOnOthers(instance)) coming.push(secretIntervalSeconds * (0.8 + 0.4 * random()))
  return coming.length === 0 ? done : after(Math.min(longestSleepSeconds, ...coming))
}

import { conditionReasons } from '../../operator/src/api/reasons.ts'
import type { Instance } from './instance-scene.ts'

/** Image that every instance gets after the storm. */
export const finalTag = 'good-final'

/** Reasons of `Reconciling` for which nothing goes on before a person or a clock does something. */
const waits = new Set(['WaitingForApproval', 'WaitingForGate', 'WaitingForWindow', 'Waiting'])

/** What an instance has come to, in words such as `Ready Serving` or `Stalled SecretNotFound`; undefined while it is at work. */
export function restOf({ metadata, status }: Instance): string | undefined {
  if (status?.observedGeneration === undefined || status.observedGeneration !== metadata.generation) return undefined
  const find = (type: string) => status.conditions?.find((condition) => condition.type === type)
  const [ready, stalled, reconciling, paused] = ['Ready', 'Stalled', 'Reconciling', 'Paused'].map(find)
  if (paused?.status === 'True') return `Paused ${paused.reason}`
  if (stalled?.status === 'True') return `Stalled ${stalled.reason}`
  if (reconciling?.status === 'True') return waits.has(reconciling.reason) ? `Waiting ${reconciling.reason}` : undefined
  return ready?.status === 'True' ? `Ready ${ready.reason}` : undefined
}

/** What is wrong with the conditions of an instance: one without a message, or a reason that no register has. */
export function faultsOf({ metadata, status }: Instance): readonly string[] {
  const registry: Readonly<Record<string, Readonly<Record<string, string>>>> = conditionReasons
  const conditions = status?.conditions ?? []
  const name = `${metadata.namespace}/${metadata.name}`
  const is = (type: string) => conditions.some((condition) => condition.type === type && condition.status === 'True')
  return [
    ...(conditions.length === 0 ? [`${name} has no conditions`] : []),
    ...conditions
      .filter(({ type, reason, message }) => message === '' || registry[type]?.[reason] === undefined)
      .map(({ type, reason, message }) => `${name} says ${type} ${reason} "${message}", which is no reason of the register with a message`),
    ...(is('Stalled') && is('Reconciling') ? [`${name} is stalled and at work at once`] : []),
  ]
}

interface Line {
  readonly level?: string
  readonly msg?: string
  readonly err?: ErrorFields
}

interface ErrorFields {
  readonly code?: string
  readonly stack?: string
  readonly cause?: ErrorFields
}

/** Codes of errors that tell of the API server, not of the operator. */
const expectedCodes = new Set(['ApiError', 'ConnectionError', 'DeadlineExceeded', 'NameConflict'])

/** Lines of the operator's log that tell of an exception: an error that is none of ours, whatever died, and whatever is no line of the log. */
export function exceptionsIn(log: readonly string[]): readonly string[] {
  return log.filter((text) => {
    try {
      const { level, err } = JSON.parse(text) as Line
      return level === 'fatal' || isException(err)
    } catch {
      return true
    }
  })
}

function isException(error: ErrorFields | undefined): boolean {
  if (error === undefined) return false
  return error.stack !== undefined || error.code === undefined || !expectedCodes.has(error.code)
}

/** How many of each there are, the most first. */
export function tally(words: readonly string[]): string {
  const groups = [...Map.groupBy(words, (word) => word)].map(([word, all]) => [word, all.length] as const)
  return groups
    .toSorted(([, a], [, b]) => b - a)
    .map(([word, count]) => `${word} ${count}`)
    .join(', ')
}

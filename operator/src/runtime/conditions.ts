/** `metav1.Condition`, as every status of a Kubernetes object carries it. */
export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
  /** RFC 3339, whole seconds: `metav1.Time` holds no more, and what the server would cut off would look like a change. */
  readonly lastTransitionTime: string
  readonly observedGeneration?: number
}

/** A condition as a planner says it: when it last flipped follows from the one before. */
export type ConditionState = Omit<Condition, 'lastTransitionTime'>

/** `metav1.Time`: RFC 3339 in whole seconds. */
export function metaTime(epochMilliseconds: number): string {
  return new Date(epochMilliseconds).toISOString().replace(/\.\d+Z$/, 'Z')
}

/**
 * Puts one condition into a list. `lastTransitionTime` moves only when the status flips, never for a new reason or message
 * (Kubernetes API conventions, "Typical status properties").
 *
 * @param now - wall clock, milliseconds since the epoch
 * @returns a new list; the very same one when nothing changed
 */
export function setCondition(conditions: readonly Condition[], state: ConditionState, now: number): readonly Condition[] {
  const index = conditions.findIndex((condition) => condition.type === state.type)
  const before = conditions[index]
  if (before === undefined) return [...conditions, { ...state, lastTransitionTime: metaTime(now) }]
  const next: Condition = { ...state, lastTransitionTime: before.status === state.status ? before.lastTransitionTime : metaTime(now) }
  return sameCondition(before, next) ? conditions : conditions.with(index, next)
}

/** Puts several, in their order. */
export function setConditions(conditions: readonly Condition[], states: readonly ConditionState[], now: number): readonly Condition[] {
  return states.reduce((list, state) => setCondition(list, state, now), conditions)
}

/** Takes a condition out; the very same list when it was not there. */
export function removeCondition(conditions: readonly Condition[], type: string): readonly Condition[] {
  return conditions.some((condition) => condition.type === type) ? conditions.filter((condition) => condition.type !== type) : conditions
}

/** The condition of that type. */
export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type)
}

/** Whether the condition is there and `True`. */
export function isConditionTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True'
}

/** The types whose status is not what it was: what an event may be recorded for. */
export function transitions(before: readonly Condition[], now: readonly Condition[]): readonly Condition[] {
  return now.filter((condition) => findCondition(before, condition.type)?.status !== condition.status)
}

function sameCondition(a: Condition, b: Condition): boolean {
  return (
    a.status === b.status &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.observedGeneration === b.observedGeneration &&
    a.lastTransitionTime === b.lastTransitionTime
  )
}

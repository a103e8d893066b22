import type { KubeObject } from '../kube/object.ts'
import { metaTime } from '../runtime/conditions.ts'

/** How long a run waits for an instance that is not there, in milliseconds from its creation: they may be applied together, in any order. */
export const instanceGraceMs = 300_000
/** How long after its deadline a run is taken for lost: the Job controller has ended it long before, unless its node is away. */
export const lostAfterMs = 60_000
/** How long a run waits for something that is missing, in milliseconds from its creation: longer, and it would say `Unknown` for good. */
const startWithinMs = 3_600_000

/** What becomes of a run that cannot begin. */
export type Patience =
  /** `until`: when that ends, in milliseconds since the epoch; undefined where its turn comes by itself. */
  { readonly type: 'Waits'; readonly until: number | undefined } | { readonly type: 'Over'; readonly message: string }

/**
 * Whether a run goes on waiting: for its turn without end, for something that is missing an hour.
 *
 * @param lacks - whether something is missing
 * @param now - wall clock, milliseconds since the epoch
 */
export function patienceOf(
  { kind, metadata }: Pick<KubeObject, 'kind' | 'metadata'>,
  waitsFor: string,
  lacks: boolean,
  now: number,
): Patience {
  if (!lacks) return { type: 'Waits', until: undefined }
  const until = Date.parse(metadata.creationTimestamp ?? metaTime(now)) + startWithinMs
  if (now < until) return { type: 'Waits', until }
  return { type: 'Over', message: `For an hour it could not begin: ${waitsFor}. Create another ${kind} when that is there` }
}

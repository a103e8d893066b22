import { waitFor } from '../../cluster/wait-for.ts'
import type { Contender } from './contenders.ts'

/** Seconds without a new event after which all are written: the recorder rests between two of them, never for so long. */
const quietSeconds = 5

/** Waits until an operator has written the events of what it did: they give way to its work, and would be written in the next one's time. */
export async function untilTold(operator: Contender): Promise<void> {
  let told = Number.NaN
  let since = performance.now()
  await waitFor(
    async () => {
      const now = await operator.metric('operator_events_total')
      if (now !== told) since = performance.now()
      told = now
      return performance.now() - since >= quietSeconds * 1000
    },
    { what: `events of ${operator.name} (log: ${operator.log})`, timeoutMs: 240_000, intervalMs: 250 },
  )
}

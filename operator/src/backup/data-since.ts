import type { NotejamInstance } from '../api/notejam.ts'

/**
 * Since when an instance has something to back up: its first release, and not the one that it serves by now, or one that is released every day and never
 * backed up would wait for its first backup for good. The history is short; where it does not reach back so far, the instance's creation counts.
 */
export function dataSince({ metadata, status }: Pick<NotejamInstance, 'metadata' | 'status'>): string | undefined {
  const { current, history = [] } = status?.release ?? {}
  if (current === undefined) return undefined
  const isWhole = history.some(({ id }) => /^r1(?:-|$)/.test(id))
  const good = history.filter(({ result }) => result === 'Succeeded').map(({ completionTime }) => completionTime)
  const times = [current.since, ...(isWhole ? good : [metadata.creationTimestamp])]
  return times.filter((time) => time !== undefined).toSorted()[0]
}

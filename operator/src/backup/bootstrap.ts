import type { NotejamInstance } from '../api/notejam.ts'

/** Whether an instance is still to begin with an archive: as soon as one of its releases served, it has begun. */
export function bootstraps({ spec, status }: Pick<NotejamInstance, 'spec' | 'status'>): boolean {
  const { current, history = [] } = status?.release ?? {}
  return spec.bootstrap !== undefined && current === undefined && !history.some(({ result }) => result === 'Succeeded')
}

import type { Readiness } from './readiness.ts'

/** Options of {@link patientReadiness}. */
export interface PatientReadinessOptions {
  readonly check: () => Promise<Readiness>
  /** When the database answered anybody in this process last; on the clock of `now`. */
  readonly answeredAt: () => number
  /** Milliseconds without any answer after which a process that was ready is no longer. */
  readonly patienceMs: number
  /** Milliseconds that only grow. */
  readonly now: () => number
}

/**
 * Readiness that a slow or briefly unreachable database does not end: all processes see it at the same moment, so that nobody would be left to answer,
 * neither slowly nor with a page that says when to come again (`docs/adr/0049`).
 *
 * A process that has never been ready gets no patience, and what the database itself said (no schema, no writes) counts at once.
 */
export function patientReadiness({ check, answeredAt, patienceMs, now }: PatientReadinessOptions): () => Promise<Readiness> {
  /** Undefined until the first good answer, and after each bad one. */
  let goodAt: number | undefined
  return async () => {
    const state = await check()
    if (state.ready || state.reason !== 'DatabaseUnavailable') {
      goodAt = state.ready ? now() : undefined
      return state
    }
    if (goodAt === undefined || now() - Math.max(goodAt, answeredAt()) >= patienceMs) return state
    return { ready: true, warning: state.message }
  }
}

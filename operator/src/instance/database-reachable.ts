import type { InstanceSpec } from '../api/notejam.ts'
import { condition, type ReasonOf } from '../api/reasons.ts'
import type { ConditionState } from '../runtime/conditions.ts'
import type { DatabaseState } from './database-state.ts'
import type { Stall } from './release/types.ts'

/** What is known of a database server without asking it. */
export interface DatabaseEvidence {
  readonly spec: InstanceSpec
  /** The built-in database; undefined where somebody else runs it. */
  readonly server: DatabaseState | undefined
  /** Pods whose readiness holds: it asks the database. */
  readonly readyPods: number
  /** Why a release cannot go on, with what the Job said. */
  readonly stall: Stall | undefined
  /** A Job has spoken with the database in the operation under way. */
  readonly jobSucceeded: boolean
  readonly generation: number
}

/**
 * What Node's sockets, TLS, the drivers and the servers say, in the order in which they are looked for: a refused certificate also ends a connection.
 * Texts of PostgreSQL (appendix A of its manual) and of MySQL and MariaDB (error references, 1044, 1045, 1049).
 */
const failures: readonly (readonly [RegExp, ReasonOf<'DatabaseReachable'>])[] = [
  [/\bTLS\b|\bSSL\b|certificate/i, 'TLSFailed'],
  [/password authentication failed|no pg_hba\.conf entry|access denied|28P01|role ".*" does not exist/i, 'AuthenticationFailed'],
  [/database ".*" does not exist|unknown database/i, 'DatabaseMissing'],
  [/ENOTFOUND|EAI_AGAIN/, 'NameNotFound'],
  [/ECONNREFUSED/, 'ConnectionRefused'],
  [/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|time(d )?out/i, 'Timeout'],
]

/** Reasons of a release's end that a database can be the cause of. */
const jobReasons = new Set<string>(['MigrationFailed', 'InspectionFailed'])

/** Whether the database server answers, by what pods and Jobs saw of it; undefined for SQLite, which has none. */
export function databaseReachable({
  spec,
  server,
  readyPods,
  stall,
  jobSucceeded,
  generation,
}: DatabaseEvidence): ConditionState | undefined {
  if (spec.database.type === 'SQLite') return undefined
  if (stall !== undefined && jobReasons.has(stall.reason)) {
    const reason = failures.find(([pattern]) => pattern.test(stall.message))?.[1]
    if (reason !== undefined) return condition('DatabaseReachable', 'False', reason, stall.message, generation)
  }
  if (server !== undefined) return builtInReachable(server, generation)
  if (readyPods > 0)
    return condition('DatabaseReachable', 'True', 'Probed', 'The readiness of the pods, which asks the database, holds', generation)
  if (jobSucceeded) return condition('DatabaseReachable', 'True', 'Probed', 'A Job of the release has worked on the database', generation)
  return condition('DatabaseReachable', 'Unknown', 'NotProbed', 'No pod is ready, so nothing says that the database answers', generation)
}

function builtInReachable(server: DatabaseState, generation: number): ConditionState {
  switch (server.type) {
    case 'Ready':
      return condition('DatabaseReachable', 'True', 'ServerReady', 'The built-in database takes connections', generation)
    case 'Starting':
      return condition('DatabaseReachable', 'False', 'ServerStarting', `The built-in database is starting: ${server.message}`, generation)
    case 'Stopped':
      return condition('DatabaseReachable', 'False', 'ServerStopped', 'The built-in database sleeps; the data is kept', generation)
    case 'Failed':
      return condition('DatabaseReachable', 'False', 'ServerFailed', server.stall.message, generation)
  }
}

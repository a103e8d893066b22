import type { NotejamInstance } from '../api/notejam.ts'
import type { EffectivePolicy } from '../api/policy.ts'
import { defaultPoolSize } from './connection.ts'
import { builtInEngine } from './database-connection.ts'
import type { Stall } from './release/types.ts'
import { tuneServer } from './resources/database-tuning.ts'

/** Pods beyond the wanted ones: one more serves during a roll-out, and a Job may work on the database. */
const additionalPods = 2

/** How many connections the server has for an instance; undefined where nobody said so. */
export function connectionLimit(instance: NotejamInstance, policy: EffectivePolicy): number | undefined {
  const engine = builtInEngine(instance)
  if (engine === undefined || policy.database === undefined) return instance.spec.database.external?.maxConnections
  const { requests, limits } = policy.database.resources
  return tuneServer({ engine, memory: limits['memory'] ?? requests['memory'] ?? '', storage: policy.storageSize ?? '' }).connections
}

/** Holds what the pods of an instance could open at most against what its server takes. */
export function findConnectionShortage(instance: NotejamInstance, policy: EffectivePolicy): Stall | undefined {
  const limit = connectionLimit(instance, policy)
  const poolSize = instance.spec.database.poolSizePerReplica ?? defaultPoolSize
  const most = (policy.mostReplicas + additionalPods) * poolSize
  if (limit === undefined || most <= limit) return undefined
  const raise =
    policy.database === undefined
      ? 'raise database.external.maxConnections'
      : 'raise database.builtIn.resources.limits.memory (a server is tuned for it)'
  return {
    reason: 'ConnectionLimitExceeded',
    message: `${policy.mostReplicas} pods, one more during a roll-out and a Job could open ${most} connections (${poolSize} each), the database takes ${limit}. Lower database.poolSizePerReplica to ${Math.max(1, Math.floor(limit / (policy.mostReplicas + additionalPods)))}, or the replicas, or ${raise}`,
  }
}

import type { Environment, InstanceSpec } from './notejam.ts'

/** What one pod asks for and may use, as Kubernetes writes it. */
export interface PodResources {
  readonly requests: Readonly<Record<string, string>>
  readonly limits: Readonly<Record<string, string>>
}

/** Bounds and aims of an autoscaler, as `autoscaling/v2` writes them. */
export interface AutoscalingPolicy {
  readonly minReplicas: number
  readonly maxReplicas: number
  readonly metrics: readonly Readonly<Record<string, unknown>>[]
  readonly behavior: Readonly<Record<string, unknown>>
}

/** What the spec and the defaults of its environment come to: every builder and planner reads this, none a default of its own. */
export interface EffectivePolicy {
  /** Pods that are wanted; with autoscaling, the least of them. */
  readonly replicas: number
  /** The greatest number of pods that there can be. */
  readonly mostReplicas: number
  /** Absent where the number of pods is fixed. */
  readonly autoscaling?: AutoscalingPolicy
  /** What a new image does to the data. */
  readonly releaseStrategy: 'Wipe' | 'Upgrade' | 'BackupThenMigrate'
  readonly rolloutStrategy: 'Recreate' | 'RollingUpdate'
  /** Absent when the claim is not the operator's. */
  readonly storageSize?: string
  /** Absent when nobody outside the cluster reaches the app. */
  readonly publicURL?: string
  readonly resources: PodResources
  /** The server that the operator runs; absent where somebody else runs it, or none is needed. */
  readonly database?: { readonly image: string; readonly resources: PodResources }
  readonly migrationDeadlineSeconds: number
  readonly minReadySeconds: number
  readonly progressDeadlineSeconds: number
  /** What a pod that is taken away has, from its last moment in the Service to its end. */
  readonly drainSeconds: number
}

/** Pods by environment where `replicas` is not given (shared design of the API: 1, 2, 3). */
const defaultReplicas: Readonly<Record<Environment, number>> = { Development: 1, Test: 2, Production: 3 }

/** What a new image does to the data, where nobody said so. */
const defaultStrategies = { Development: 'Wipe', Test: 'Upgrade', Production: 'BackupThenMigrate' } as const satisfies Readonly<
  Record<Environment, string>
>

/** One pod under load takes 81 MiB after 200 sign-ins (measured with the allocator settings of the image); the rest is head room. */
const defaultResources: PodResources = { requests: { cpu: '100m', memory: '160Mi' }, limits: { memory: '320Mi' } }

const defaultStorageSize = '1Gi'

/** Without load PostgreSQL takes 60 MiB and MariaDB 110 MiB; the rest is buffers and sessions. */
const defaultServerResources: PodResources = { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '512Mi' } }
const defaultServerImages = { PostgreSQL: 'docker.io/library/postgres:17', MySQL: 'docker.io/library/mariadb:11.8' } as const
const defaultServerStorageSize = '5Gi'

/** CPU use that is aimed at, in percent of the request: room for a pod that is lost, and for the time that a new one takes. */
const defaultCPUTarget = 60

/** Up at once and up to double every 15 s, so that a fourfold peak is met within a minute; down by half a minute, and only after five quiet minutes. */
const defaultBehavior = {
  scaleUp: {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Percent', value: 100, periodSeconds: 15 },
      { type: 'Pods', value: 4, periodSeconds: 15 },
    ],
  },
  scaleDown: { stabilizationWindowSeconds: 300, policies: [{ type: 'Percent', value: 50, periodSeconds: 60 }] },
} as const

/** Works out {@link EffectivePolicy}. The static defaults repeat those of the schema for blocks that are not there at all. */
export function effectivePolicy(spec: InstanceSpec): EffectivePolicy {
  const sqlite = spec.database.type === 'SQLite'
  const publicURL = formatPublicURL(spec)
  const autoscaling = autoscalingOf(spec)
  const replicas = autoscaling?.minReplicas ?? spec.replicas ?? (sqlite ? 1 : defaultReplicas[spec.environment])
  return {
    replicas,
    mostReplicas: autoscaling?.maxReplicas ?? replicas,
    ...(autoscaling === undefined ? {} : { autoscaling }),
    releaseStrategy: spec.release?.strategy ?? defaultStrategies[spec.environment],
    rolloutStrategy: sqlite ? 'Recreate' : 'RollingUpdate',
    ...storageOf(spec),
    ...(publicURL === undefined ? {} : { publicURL }),
    resources: effectiveResources(spec.resources, defaultResources),
    ...serverOf(spec),
    migrationDeadlineSeconds: spec.release?.migration?.deadlineSeconds ?? 1800,
    minReadySeconds: spec.release?.rollout?.minReadySeconds ?? 5,
    progressDeadlineSeconds: spec.release?.rollout?.progressDeadlineSeconds ?? 300,
    drainSeconds: spec.release?.rollout?.drainSeconds ?? (sqlite ? 25 : 40),
  }
}

function storageOf({ database }: InstanceSpec): Pick<EffectivePolicy, 'storageSize'> {
  const { sqlite, builtIn } = database
  if (builtIn !== undefined) return { storageSize: builtIn.storage?.size ?? defaultServerStorageSize }
  if (sqlite === undefined || sqlite.storage.existingClaim !== undefined) return {}
  return { storageSize: sqlite.storage.size ?? defaultStorageSize }
}

function serverOf({ database }: InstanceSpec): Pick<EffectivePolicy, 'database'> {
  const { builtIn, type } = database
  if (builtIn === undefined || type === 'SQLite') return {}
  const image = builtIn.image ?? defaultServerImages[type]
  return { database: { image, resources: effectiveResources(builtIn.resources, defaultServerResources) } }
}

function autoscalingOf({ autoscaling }: InstanceSpec): AutoscalingPolicy | undefined {
  if (autoscaling === undefined) return undefined
  const { metrics = [], targetCPUUtilizationPercentage } = autoscaling
  const target = targetCPUUtilizationPercentage ?? (metrics.length === 0 ? defaultCPUTarget : undefined)
  const cpu = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: target } } }
  return {
    minReplicas: autoscaling.minReplicas ?? 1,
    maxReplicas: autoscaling.maxReplicas,
    metrics: [...(target === undefined ? [] : [cpu]), ...metrics],
    behavior: autoscaling.behavior ?? defaultBehavior,
  }
}

function formatPublicURL(spec: InstanceSpec): string | undefined {
  const given = spec.app?.publicURL
  if (given !== undefined) return given.replace(/\/$/, '')
  const host = spec.http?.hosts?.[0]
  // What a Gateway listens on is not ours to see; TLS is what it is mostly there for, and app.publicURL says otherwise.
  if (host !== undefined && spec.http?.gateway !== undefined) return `https://${host}`
  if (host === undefined || spec.http?.ingress === undefined) return undefined
  return `${spec.http.ingress.tls === undefined ? 'http' : 'https'}://${host}`
}

/** A limit that is given alone lowers the default request below it: Kubernetes refuses a request above its limit. */
function effectiveResources(given: InstanceSpec['resources'], defaults: PodResources): PodResources {
  const requests: Record<string, string> = { ...defaults.requests, ...toStrings(given?.requests) }
  const limits: Record<string, string> = { ...toStrings(given?.limits) }
  for (const [name, value] of Object.entries(limits)) {
    if (given?.requests?.[name as 'cpu'] === undefined && name in requests) requests[name] = value
  }
  for (const [name, value] of Object.entries(defaults.limits)) {
    if (limits[name] === undefined && given?.requests?.[name as 'cpu'] === undefined) limits[name] = value
  }
  return { requests, limits }
}

function toStrings(quantities: Readonly<Record<string, string | number | undefined>> | undefined): Record<string, string> {
  const entries = Object.entries(quantities ?? {}).filter((entry): entry is [string, string | number] => entry[1] !== undefined)
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))
}

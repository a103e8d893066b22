import { sameJson } from './json.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * Lists that server-side apply merges by key, by the name of their field (Kubernetes API reference, "Patch merge key", `x-kubernetes-list-map-keys`).
 * All other lists are replaced as a whole, so that one item more is a difference.
 */
const mapKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  volumeMounts: ['mountPath'],
  ports: ['containerPort', 'port', 'protocol'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  hostAliases: ['ip'],
  ownerReferences: ['uid'],
  conditions: ['type'],
}

/**
 * The part of `live` that `desired` talks about: the same paths, with the values that the server has. What others added beside ours is left out, so
 * two projections of one object differ exactly when somebody changed a field of ours.
 */
export function project(desired: unknown, live: unknown, field = ''): unknown {
  if (Array.isArray(desired)) return Array.isArray(live) ? projectList(desired, live, field) : live
  if (!isObject(desired) || !isObject(live)) return live
  const projection: Record<string, unknown> = {}
  for (const name of Object.keys(desired)) if (desired[name] !== undefined) projection[name] = project(desired[name], live[name], name)
  return projection
}

function projectList(desired: readonly unknown[], live: readonly unknown[], field: string): unknown {
  if (field === 'finalizers') return desired.filter((item) => live.includes(item))
  const keys = mapKeys[field]
  if (keys === undefined || !desired.every(isObject)) return live.map((item, index) => project(desired[index], item))
  return desired.map((item) => {
    const own = keys.filter((key) => item[key] !== undefined)
    const match = live.find((candidate) => isObject(candidate) && own.every((key) => candidate[key] === item[key]))
    return project(item, match)
  })
}

/**
 * Whether a projection says the same as what was desired. The server normalises: quantities get another form (`1000m` becomes `1`), empty values
 * vanish. Needed only where nothing is remembered of the last apply; a wrong "no" costs one apply that changes nothing.
 */
export function equivalent(desired: unknown, projected: unknown): boolean {
  if (isEmpty(desired)) return isEmpty(projected)
  if (Array.isArray(desired))
    return (
      Array.isArray(projected) && desired.length === projected.length && desired.every((item, index) => equivalent(item, projected[index]))
    )
  if (isObject(desired)) return isObject(projected) && Object.entries(desired).every(([name, value]) => equivalent(value, projected[name]))
  return sameJson(desired, projected) || sameQuantity(desired, projected)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)
}

const quantity = /^([+-]?\d+(?:\.\d+)?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/
const factors: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
}

function sameQuantity(a: unknown, b: unknown): boolean {
  const left = parseQuantity(a)
  const right = parseQuantity(b)
  return left !== undefined && right !== undefined && Math.abs(left - right) <= Math.abs(left) * 1e-9
}

function parseQuantity(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const match = quantity.exec(String(value))
  return match === null ? undefined : Number(match[1]) * (match[2] === undefined ? 1 : (factors[match[2]] ?? Number.NaN))
}

/** What the `restricted` profile looks at in a pod. */
export interface PodSpecLike {
  readonly automountServiceAccountToken?: boolean
  readonly hostNetwork?: boolean
  readonly hostPID?: boolean
  readonly hostIPC?: boolean
  readonly securityContext?: SecurityContext
  readonly volumes?: readonly (Readonly<Record<string, unknown>> & { readonly name: string })[]
  readonly initContainers?: readonly ContainerLike[]
  readonly containers: readonly ContainerLike[]
}

interface SecurityContext {
  readonly runAsNonRoot?: boolean
  readonly runAsUser?: number
  readonly privileged?: boolean
  readonly allowPrivilegeEscalation?: boolean
  readonly seccompProfile?: { readonly type: string }
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] }
}

interface ContainerLike {
  readonly name: string
  readonly securityContext?: SecurityContext
  readonly ports?: readonly { readonly containerPort: number; readonly hostPort?: number }[]
}

const allowedVolumes = new Set(['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'])
const seccompTypes = new Set(['RuntimeDefault', 'Localhost'])

/**
 * What the `restricted` profile would refuse in a pod: one line each. For tests of builders without a cluster; the API server of the other tiers
 * enforces the profile itself (Kubernetes documentation, "Pod Security Standards").
 */
export function findPodSecurityViolations(pod: PodSpecLike): readonly string[] {
  const hosts = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => pod[field] === true)
  const volumes = (pod.volumes ?? []).flatMap(({ name, ...kinds }) =>
    Object.keys(kinds)
      .filter((kind) => !allowedVolumes.has(kind))
      .map((kind) => `volume ${name} is a ${kind}`),
  )
  const containers = [...(pod.initContainers ?? []), ...pod.containers]
  return [...hosts, ...volumes, ...containers.flatMap((container) => violationsOf(container, pod.securityContext ?? {}))]
}

function violationsOf({ name, securityContext: own = {}, ports = [] }: ContainerLike, pod: SecurityContext): readonly string[] {
  const checks: readonly (readonly [boolean, string])[] = [
    [(own.runAsNonRoot ?? pod.runAsNonRoot) === true, 'may run as root'],
    [(own.runAsUser ?? pod.runAsUser) !== 0, 'runs as user 0'],
    [seccompTypes.has((own.seccompProfile ?? pod.seccompProfile)?.type ?? ''), 'has no seccomp profile'],
    [own.privileged !== true, 'is privileged'],
    [own.allowPrivilegeEscalation === false, 'may escalate'],
    [own.capabilities?.drop?.includes('ALL') === true, 'keeps capabilities'],
    [(own.capabilities?.add ?? []).every((capability) => capability === 'NET_BIND_SERVICE'), 'adds capabilities'],
    [ports.every(({ hostPort }) => hostPort === undefined), 'takes a port of the host'],
  ]
  return checks.filter(([holds]) => !holds).map(([, what]) => `container ${name} ${what}`)
}

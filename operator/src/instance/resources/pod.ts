import { claimName, secretName } from './names.ts'
import { paths, ports, secretKeyEntry, type PodInput, type RenderInput } from './render-input.ts'

/**
 * Group of the files on the volumes. Any fixed number does: the image names its own user, and the group is what lets it write
 * (Kubernetes documentation, "Configure volume permission and ownership change policy for Pods").
 */
const filesystemGroup = 10_001

/** What the `restricted` profile of Pod Security asks of a pod, and that no token of the API is in it. */
export function hardenedPod(): Readonly<Record<string, unknown>> {
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      fsGroup: filesystemGroup,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
  }
}

/** What the profile asks of each container, and more: nothing can be written but the volumes. The end of the log says why a container failed. */
export function hardenedContainer(): Readonly<Record<string, unknown>> {
  return {
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }
}

/** An environment variable of a container. */
export type Variable =
  | { readonly name: string; readonly value: string }
  | {
      readonly name: string
      readonly valueFrom: { readonly secretKeyRef: { readonly name: string; readonly key: string; readonly optional?: true } }
    }
  | { readonly name: string; readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } } }

/** For Jobs: how long they wait for a server that restarts or fails over, for which no release, backup or restore is given up. */
export const databaseWait: Variable = { name: 'DATABASE_WAIT_SECONDS', value: '30' }

/** Settings that every command of the image gets. */
export function commonEnvironment(input: PodInput): readonly Variable[] {
  const { instance, policy } = input
  const smtp = instance.spec.app?.smtpSecretRef?.name
  return [
    ...databaseEnvironment(input),
    { name: 'NOTEJAM_ENVIRONMENT', value: instance.spec.environment },
    { name: 'NOTEJAM_INSTANCE_UID', value: instance.metadata.uid ?? '' },
    { name: 'OPS_PORT', value: String(ports.ops) },
    { name: 'PORT', value: String(ports.http) },
    ...(policy.publicURL === undefined ? [] : [{ name: 'PUBLIC_URL', value: policy.publicURL }]),
    { name: 'SECRET_KEY_FILE', value: `${paths.secrets}/${secretKeyEntry}` },
    ...(smtp === undefined ? [] : [fromSecret('SMTP_URL', smtp, 'url')]),
    ...(instance.spec.app?.extraEnv ?? []),
  ]
}

/** How the pods find the database. */
export function databaseEnvironment({ connection }: PodInput): readonly Variable[] {
  if (connection.type === 'SQLite') return [{ name: 'DATABASE_URL', value: `sqlite:${paths.databaseFile}` }]
  const { secretName: secret, engine, form, hasPort, tlsMode, caSecretName, poolSize } = connection
  const address =
    form === 'url'
      ? [fromSecret('DATABASE_URL', secret, 'url')]
      : [
          { name: 'DB_ENGINE', value: engine },
          fromSecret('DB_HOST', secret, 'host'),
          fromSecret('DB_NAME', secret, 'database'),
          fromSecret('DB_PASSWORD', secret, 'password'),
          ...(hasPort ? [fromSecret('DB_PORT', secret, 'port')] : []),
          fromSecret('DB_USER', secret, 'user'),
        ]
  return [
    ...address,
    { name: 'DATABASE_POOL_MAX', value: String(poolSize) },
    { name: 'DATABASE_TLS', value: tlsMode },
    ...(caSecretName === undefined ? [] : [{ name: 'DATABASE_TLS_CA_FILE', value: `${paths.authority}/ca.crt` }]),
  ]
}

function fromSecret(variable: string, name: string, key: string): Variable {
  return { name: variable, valueFrom: { secretKeyRef: { name, key } } }
}

/** The volumes of a pod: the notes, the keys, and room for temporary files (SQLite sorts there). */
export function commonVolumes({ instance, connection }: PodInput): readonly unknown[] {
  const authority = connection.type === 'Server' ? connection.caSecretName : undefined
  return [
    ...(connection.type === 'SQLite' ? [{ name: 'data', persistentVolumeClaim: { claimName: claimName(instance) } }] : []),
    { name: 'secrets', secret: { secretName: secretName(instance), items: [{ key: secretKeyEntry, path: secretKeyEntry }] } },
    ...(authority === undefined
      ? []
      : [{ name: 'authority', secret: { secretName: authority, items: [{ key: 'ca.crt', path: 'ca.crt' }] } }]),
    { name: 'temporary', emptyDir: { sizeLimit: '256Mi' } },
  ]
}

/** Where the volumes are mounted. */
export function commonMounts({ connection }: PodInput): readonly unknown[] {
  return [
    ...(connection.type === 'SQLite' ? [{ name: 'data', mountPath: paths.data }] : []),
    { name: 'secrets', mountPath: paths.secrets, readOnly: true },
    ...(connection.type === 'Server' && connection.caSecretName !== undefined
      ? [{ name: 'authority', mountPath: paths.authority, readOnly: true }]
      : []),
    { name: 'temporary', mountPath: paths.temporary },
  ]
}

/** Where the pods of the app and of the Jobs may run, and as whom they are known; no token is mounted in any case. */
export function podPlacement({ instance }: RenderInput): { readonly tolerations?: readonly unknown[]; readonly [field: string]: unknown } {
  const { nodeSelector, tolerations, serviceAccountName } = instance.spec.pod ?? {}
  return {
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(tolerations === undefined ? {} : { tolerations }),
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
  }
}

/** When the image is pulled; what Kubernetes makes of the tag if nobody said so. */
export function pullPolicy({ instance }: RenderInput): { readonly imagePullPolicy?: string } {
  const policy = instance.spec.pod?.imagePullPolicy
  return policy === undefined ? {} : { imagePullPolicy: policy }
}

/** Secrets for the pull, if any. */
export function pullSecrets({ instance }: RenderInput): Readonly<Record<string, unknown>> {
  const secrets = instance.spec.imagePullSecrets ?? []
  return secrets.length === 0 ? {} : { imagePullSecrets: secrets }
}

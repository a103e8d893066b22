import { claimName, secretName } from './names.ts'
import { paths, ports, secretKeyEntry, type RenderInput } from './render-input.ts'

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

/** Settings that every command of the image gets. */
export function commonEnvironment({ instance, policy }: RenderInput): readonly { readonly name: string; readonly value: string }[] {
  return [
    { name: 'DATABASE_URL', value: `sqlite:${paths.databaseFile}` },
    { name: 'NOTEJAM_ENVIRONMENT', value: instance.spec.environment },
    { name: 'NOTEJAM_INSTANCE_UID', value: instance.metadata.uid ?? '' },
    { name: 'OPS_PORT', value: String(ports.ops) },
    { name: 'PORT', value: String(ports.http) },
    ...(policy.publicURL === undefined ? [] : [{ name: 'PUBLIC_URL', value: policy.publicURL }]),
    { name: 'SECRET_KEY_FILE', value: `${paths.secrets}/${secretKeyEntry}` },
  ]
}

/** The volumes of a pod: the notes, the key, and room for temporary files (SQLite sorts there). */
export function commonVolumes({ instance }: RenderInput): readonly unknown[] {
  return [
    { name: 'data', persistentVolumeClaim: { claimName: claimName(instance) } },
    { name: 'secrets', secret: { secretName: secretName(instance), items: [{ key: secretKeyEntry, path: secretKeyEntry }] } },
    { name: 'temporary', emptyDir: { sizeLimit: '256Mi' } },
  ]
}

/** Where the volumes are mounted. */
export const commonMounts: readonly unknown[] = [
  { name: 'data', mountPath: paths.data },
  { name: 'secrets', mountPath: paths.secrets, readOnly: true },
  { name: 'temporary', mountPath: paths.temporary },
]

/** Secrets for the pull, if any. */
export function pullSecrets({ instance }: RenderInput): Readonly<Record<string, unknown>> {
  const secrets = instance.spec.imagePullSecrets ?? []
  return secrets.length === 0 ? {} : { imagePullSecrets: secrets }
}

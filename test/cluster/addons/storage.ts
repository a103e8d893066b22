import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { SANDBOX_IMAGE } from '../node-config.ts'
import { type AddonContext, type AddonPlan, clusterRoleFor, READ } from './addon.ts'

const USER = 'notejam:local-path'
const NAMESPACE = 'local-path-storage'
const WRITE = ['get', 'list', 'watch', 'create', 'patch', 'update', 'delete'] as const

/** Name of the default StorageClass. */
export const STORAGE_CLASS = 'local-path'

/** Folder of all volumes; every node sees it, since nodes are namespaces of one machine, and every volume has a name of its own. */
export const volumesFolder = (clusterFolder: string): string => join(clusterFolder, 'volumes')

/** local-path-provisioner: volumes are plain folders, so that a test can look into them or destroy one. */
export function storageAddon(context: AddonContext, binary: string): AddonPlan {
  const { layout } = context
  const volumes = volumesFolder(layout.folder)
  mkdirSync(volumes, { recursive: true })
  const helperPod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'helper-pod' },
    spec: {
      tolerations: [{ operator: 'Exists' }],
      automountServiceAccountToken: false,
      // Deleting data of any user takes root; the image's own user is nobody.
      containers: [{ name: 'helper-pod', image: SANDBOX_IMAGE, imagePullPolicy: 'Never', securityContext: { runAsUser: 0 } }],
    },
  }
  // /volume of the sandbox image does what shell scripts of the upstream manifest do.
  const config = {
    nodePathMap: [{ node: 'DEFAULT_PATH_FOR_NON_LISTED_NODES', paths: [volumes] }],
    setupCommand: '/volume',
    teardownCommand: '/volume',
    cmdTimeoutSeconds: 120,
  }
  const command = [
    binary,
    'start',
    '--kubeconfig',
    context.user(USER),
    '--config',
    context.file('config.json', JSON.stringify(config)),
    '--helper-pod-file',
    context.file('helper-pod.yaml', stringify(helperPod)),
    '--namespace',
    NAMESPACE,
    '--service-account-name',
    'default',
  ] as const
  return {
    objects: [
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } },
      },
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: STORAGE_CLASS, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
        provisioner: 'rancher.io/local-path',
        volumeBindingMode: 'WaitForFirstConsumer',
        reclaimPolicy: 'Delete',
      },
      ...clusterRoleFor(USER, [
        { apiGroups: [''], resources: ['nodes', 'persistentvolumeclaims', 'configmaps'], verbs: READ },
        { apiGroups: [''], resources: ['pods', 'pods/log', 'persistentvolumes', 'endpoints'], verbs: WRITE },
        { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch', 'update'] },
        { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: WRITE },
        { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: READ },
      ]),
    ],
    component: { name: 'local-path-provisioner', command: [...command] },
    // It has no port; a claim that finds it not yet watching is served a moment later.
    ready: async () => await Promise.resolve(true),
  }
}

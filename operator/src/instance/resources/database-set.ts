import { createHash } from 'node:crypto'
import { annotationPrefix, annotations, childLabels, childMetadata, selectorLabels } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { databaseServer, probeCommands, startCommands, type ServerEngine } from './database-scripts.ts'
import { tuneServer } from './database-tuning.ts'
import { claimName, databaseName } from './names.ts'
import { hardenedContainer, hardenedPod, podPlacement, pullPolicy, pullSecrets } from './pod.ts'
import type { RenderInput } from './render-input.ts'

/** What the built-in database depends on beside the instance. */
export interface DatabaseInput extends RenderInput {
  readonly engine: ServerEngine
  readonly image: string
  /** Hash of its Secret: a changed one rolls the server. */
  readonly secretHash: string
  /** 1, or 0 while the instance sleeps. */
  readonly replicas: 0 | 1
}

/** User of the server's processes, which the official images have too. */
const user = 999
/** Where the one line lies that gives the user a name, which `initdb` wants, whether the image knows the user or not. */
const passwdAnnotation = `${annotationPrefix}passwd`
const passwd = `database:x:${user}:${user}::/tmp:/bin/sh\n`

/** Seconds for the last checkpoint of the server. */
const stopSeconds = 60

/** The server of the built-in database. One pod: a StatefulSet never has two of them at the volume. */
export function buildDatabaseSet(input: DatabaseInput): DynamicObject {
  const { instance, replicas } = input
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: childMetadata(instance, 'database', databaseName(instance)),
    spec: {
      replicas,
      serviceName: databaseName(instance),
      // With the default, a pod that never gets ready is not replaced by that of a corrected template
      // (Kubernetes documentation, "StatefulSets", forced rollback).
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'RollingUpdate' },
      revisionHistoryLimit: 3,
      selector: { matchLabels: selectorLabels(instance.metadata.name, 'database') },
      template: buildTemplate(input),
    },
  }
}

/** Hash by which a pod of this template is told from older ones. */
export function databaseTemplateHash(input: DatabaseInput): string {
  return buildTemplate(input).metadata.annotations[annotations.templateHash] ?? ''
}

function buildTemplate(input: DatabaseInput) {
  const { instance, secretHash } = input
  const labels = childLabels(instance.metadata.name, 'database')
  const hardened = hardenedPod()
  const priorityClassName = instance.spec.availability?.priorityClassName
  const spec = {
    ...hardened,
    securityContext: { ...(hardened['securityContext'] as object), runAsUser: user, runAsGroup: user },
    ...pullSecrets(input),
    ...podPlacement(input),
    // Without it the app's own rank is worth nothing.
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    terminationGracePeriodSeconds: stopSeconds,
    containers: [buildContainer(input)],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: claimName(instance) } },
      // Readable by the owner and the group of the volumes: PostgreSQL takes no key that others can read.
      { name: 'secrets', secret: { secretName: databaseName(instance), defaultMode: 0o440, items: secretItems } },
      {
        name: 'passwd',
        downwardAPI: { items: [{ path: 'passwd', fieldRef: { fieldPath: `metadata.annotations['${passwdAnnotation}']` } }] },
      },
      { name: 'run', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
      { name: 'temporary', emptyDir: { sizeLimit: '1Gi' } },
    ],
  }
  const notes = { [annotations.secretHash]: secretHash, [passwdAnnotation]: passwd }
  const hash = createHash('sha256').update(JSON.stringify({ notes, labels, spec })).digest('hex').slice(0, 16)
  return { metadata: { labels, annotations: { ...notes, [annotations.templateHash]: hash } }, spec }
}

const secretItems = ['ca.crt', 'password', 'tls.crt', 'tls.key'].map((key) => ({ key, path: key }))

function buildContainer(input: DatabaseInput) {
  const { engine, image, policy } = input
  const { requests = {}, limits = {} } = policy.database?.resources ?? {}
  const memory = limits['memory'] ?? requests['memory'] ?? ''
  return {
    name: 'database',
    image,
    ...pullPolicy(input),
    command: startCommands[engine],
    args: tuneServer({ engine, memory, storage: policy.storageSize ?? '' }).args,
    ...hardenedContainer(),
    ports: [{ name: 'database', containerPort: databaseServer.ports[engine], protocol: 'TCP' }],
    resources: { requests, limits },
    // Ten minutes: what was written before a crash is read again first.
    startupProbe: probe(engine, { periodSeconds: 2, failureThreshold: 300 }),
    livenessProbe: probe(engine, { periodSeconds: 20, failureThreshold: 6 }),
    readinessProbe: probe(engine, { periodSeconds: 5, failureThreshold: 3 }),
    volumeMounts: [
      { name: 'data', mountPath: databaseServer.data },
      { name: 'secrets', mountPath: databaseServer.secrets, readOnly: true },
      { name: 'passwd', mountPath: '/etc/passwd', subPath: 'passwd', readOnly: true },
      { name: 'run', mountPath: databaseServer.run },
      { name: 'temporary', mountPath: '/tmp' },
    ],
  }
}

function probe(engine: ServerEngine, times: { readonly periodSeconds: number; readonly failureThreshold: number }) {
  return { exec: { command: probeCommands[engine] }, timeoutSeconds: 5, ...times }
}

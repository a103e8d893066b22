import { CollectionReflector, type CollectionReflectorOptions } from '../../operator/src/kube/collection-reflector.ts'
import type { Client } from '../../operator/src/kube/client.ts'
import { silentLogger } from '../../operator/src/kube/logger.ts'
import type { AppliedObject, DynamicObject } from '../../operator/src/kube/object.ts'
import { resources } from '../../operator/src/kube/resource.ts'
import { SystemClock } from '../../operator/src/runtime/clock.ts'
import { startControlPlane } from '../cluster/control-plane.ts'
import { collectedHeap } from '../fault-proxy/collected-heap.ts'
import { connect } from '../fault-proxy/connect.ts'
import type { Proof } from './proof.ts'

const count = 2000
const namespace = 'memory'
/** KiB that a stored Deployment may take: about what was planned with (2.9 KiB for a mean child, more for the largest kind). */
const largestKiB = 6
/** Share of a whole object that its metadata alone may take. */
const largestMetadataShare = 0.6

/** What one object costs in a cache: as the server sends it, as it is stored, and as metadata alone. */
export const proof: Proof = {
  title: 'A Deployment costs a few KiB in a cache; what nobody reads is not kept, and metadata alone is less still',
  run: async (report) => {
    await using controlPlane = await startControlPlane({ name: 'proof-memory' })
    await using connected = await connect(controlPlane.kubeconfig)
    const { client } = connected
    await controlPlane.api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    await Promise.all(Array.from({ length: 16 }, (_, lane) => applyLane(client, lane)))
    report(`${count} Deployments are there`)
    // The first pass pays for code and maps that stay.
    await measure(client, {})
    const wholeKiB = await measure(client, { transform: (object) => object })
    const storedKiB = await measure(client, {})
    const metadataKiB = await measure(client, { metadataOnly: true })
    report(`${wholeKiB} KiB as sent, ${storedKiB} KiB as stored, ${metadataKiB} KiB of metadata alone`)
    return {
      passed: storedKiB <= largestKiB && storedKiB < wholeKiB && metadataKiB < storedKiB * largestMetadataShare,
      figures: { objects: count, wholeKiB, storedKiB, metadataKiB },
      counterTest: `without the transform an object takes ${wholeKiB} KiB`,
    }
  },
}

async function applyLane(client: Client, lane: number): Promise<void> {
  for (let index = lane; index < count; index += 16)
    await client.apply(resources.deployments, deployment(index), { fieldManager: 'notejam-operator', force: true })
}

/** Like the Deployment of an instance: its size is what counts. */
function deployment(index: number): AppliedObject {
  const name = `notes-${index}`
  const labels = {
    'app.kubernetes.io/name': 'notejam',
    'app.kubernetes.io/instance': name,
    'app.kubernetes.io/component': 'web',
    'app.kubernetes.io/managed-by': 'notejam-operator',
  }
  const env = Array.from({ length: 12 }, (_, variable) => ({ name: `NOTEJAM_VARIABLE_${variable}`, value: `value ${variable} of ${name}` }))
  const probe = { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 5, failureThreshold: 3 }
  const container = {
    name: 'web',
    image: `registry.example/notejam@sha256:${'0'.repeat(64)}`,
    env,
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: probe,
    livenessProbe: probe,
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  }
  const template = { metadata: { labels }, spec: { containers: [container], volumes: [{ name: 'tmp', emptyDir: {} }] } }
  const spec = { replicas: 0, selector: { matchLabels: labels }, template }
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace, labels }, spec } as AppliedObject
}

/** KiB for each object in a cache that is filled. */
async function measure(client: Client, change: Partial<CollectionReflectorOptions<DynamicObject>>): Promise<number> {
  const before = collectedHeap()
  const stop = new AbortController()
  const reflector = new CollectionReflector<DynamicObject>({
    client,
    resource: resources.deployments,
    namespace,
    clock: new SystemClock(),
    random: Math.random,
    logger: silentLogger,
    ...change,
  })
  const running = reflector.start(stop.signal)
  await reflector.whenSynced()
  const used = collectedHeap() - before
  const { size } = reflector.store
  stop.abort(new Error('The measurement is over.'))
  await running
  return Math.round(((used * 1024) / size) * 100) / 100
}

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { childLabels, selectorLabels } from '../../operator/src/api/labels.ts'
import type { KubeObject } from '../cluster/api-client.ts'
import { ensureBinaries } from '../cluster/binaries.ts'
import { runCommand } from '../cluster/command.ts'
import { ClusterError } from '../cluster/errors.ts'
import { silentProgress } from '../cluster/progress.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { objectsOf } from '../support/crds.ts'
import { createNamespace, deleteNamespace } from '../support/namespace.ts'
import { held, onlyHere } from './admission-scope.ts'

const chart = join(import.meta.dirname, '../../charts/notejam-operator')
const api = controlPlaneApi()
let binaries: Readonly<Record<'helm' | 'kubectl', string>>
let namespace = ''

/** Who asks, with rights on everything: admission alone decides. */
interface Somebody {
  readonly user: string
  readonly groups?: readonly string[]
}

const person: Somebody = { user: 'alice' }
const inKubeSystem = (name: string): Somebody => ({
  user: `system:serviceaccount:kube-system:${name}`,
  groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system'],
})

/** What came of a call that stores nothing. */
interface Outcome {
  readonly accepted: boolean
  /** Refusal or warning. */
  readonly text: string
}

async function ask({ user, groups = [] }: Somebody, args: readonly string[]): Promise<Outcome> {
  const lines: string[] = []
  const as = [...groups, 'system:masters'].flatMap((group) => ['--as-group', group])
  const all = ['--kubeconfig', inject('controlPlane').kubeconfig, '-n', namespace, '--as', user, ...as, ...args, '--dry-run=server']
  try {
    await runCommand(binaries.kubectl, all, { onLine: (line) => void lines.push(line) })
    return { accepted: true, text: lines.join('\n') }
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error
    return { accepted: false, text: lines.join('\n') }
  }
}

const patch = (what: string, change: object): readonly string[] => ['patch', what, '--type=merge', '-p', JSON.stringify(change)]

const labels = childLabels('notes', 'app')
const selector = { matchLabels: selectorLabels('notes', 'app') }
const template = (restartPolicy: string): object => ({
  metadata: { labels },
  spec: { restartPolicy, containers: [{ name: 'app', image: 'registry.example/notejam:1' }] },
})
const jobSpec = { suspend: true, template: template('Never') }
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'notes' }

/** One of each kind that the operator makes, and a change of it. */
const children: readonly { readonly kind: string; readonly apiVersion: string; readonly content: object; readonly change: object }[] = [
  {
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    content: { spec: { replicas: 0, selector, template: template('Always') } },
    change: { spec: { paused: true } },
  },
  {
    kind: 'StatefulSet',
    apiVersion: 'apps/v1',
    content: { spec: { replicas: 0, serviceName: 'notes', selector, template: template('Always') } },
    change: { spec: { replicas: 1 } },
  },
  { kind: 'Job', apiVersion: 'batch/v1', content: { spec: jobSpec }, change: { spec: { suspend: false } } },
  {
    kind: 'CronJob',
    apiVersion: 'batch/v1',
    content: { spec: { schedule: '0 0 * * *', suspend: true, jobTemplate: { spec: { template: template('Never') } } } },
    change: { spec: { schedule: '0 1 * * *' } },
  },
  { kind: 'Service', apiVersion: 'v1', content: { spec: { ports: [{ port: 80 }] } }, change: { spec: { type: 'NodePort' } } },
  { kind: 'Secret', apiVersion: 'v1', content: { data: { key: 'YQ==' } }, change: { data: { key: 'Yg==' } } },
  {
    kind: 'PersistentVolumeClaim',
    apiVersion: 'v1',
    content: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    change: { metadata: { labels: { 'app.kubernetes.io/managed-by': 'me' } } },
  },
  {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v2',
    content: { spec: { maxReplicas: 3, scaleTargetRef } },
    change: { spec: { maxReplicas: 4 } },
  },
  {
    kind: 'Ingress',
    apiVersion: 'networking.k8s.io/v1',
    content: { spec: { defaultBackend: { service: { name: 'notes', port: { number: 80 } } } } },
    change: { spec: { ingressClassName: 'other' } },
  },
  {
    kind: 'NetworkPolicy',
    apiVersion: 'networking.k8s.io/v1',
    content: { spec: { podSelector: {} } },
    change: { spec: { policyTypes: ['Egress'] } },
  },
  {
    kind: 'PodDisruptionBudget',
    apiVersion: 'policy/v1',
    content: { spec: { maxUnavailable: 1 } },
    change: { spec: { maxUnavailable: 2 } },
  },
]

/** Puts the chart's policies into force for the test that is running. */
async function enforce(childChanges: 'Warn' | 'Deny'): Promise<void> {
  const rendered = await runCommand(binaries.helm, [
    ...['template', 'notejam-operator', chart, '--namespace', 'ops', '--show-only', 'templates/children.yaml'],
    ...['--set', `admission.childChanges=${childChanges}`, '--set', 'admission.childChangers.users={velero}'],
    ...['--set', 'admission.childChangers.groups={storage}'],
  ])
  const objects = objectsOf(rendered).map(onlyHere)
  onTestFinished(async () => {
    for (const object of objects) await api.delete(object, object.metadata.name)
  })
  for (const object of objects) await api.apply(object)
  // The API server takes policies up within seconds, at a moment that it does not tell.
  const sayings = [patch('deployment/notes', { spec: { paused: true } }), ['scale', 'deployment/notes', '--replicas=2']]
  for (const saying of sayings) {
    await waitFor(
      async () => {
        const { accepted, text } = await ask(person, saying)
        return accepted === (childChanges === 'Warn') && text.includes('NotejamInstance')
      },
      { what: `${childChanges} being in force`, timeoutMs: 30_000, intervalMs: 300 },
    )
  }
}

describe("the chart's policy for what the operator keeps", () => {
  beforeAll(async () => {
    binaries = await ensureBinaries(['helm', 'kubectl'], { progress: silentProgress })
    namespace = await createNamespace(api, { prefix: 'children', labels: held })
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owner', namespace } }
    const { metadata } = await api.create(owner)
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid ?? '', controller: true }
    const of = (name: string, more: object = {}) => ({ name, namespace, labels, ownerReferences: [reference], ...more })
    for (const { kind, apiVersion, content } of children) await api.create({ apiVersion, kind, metadata: of('notes'), ...content })
    const claim = children.find(({ kind }) => kind === 'PersistentVolumeClaim')?.content
    const claimType = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' }
    await api.create({ ...claimType, metadata: of('confirmed', { annotations: { 'notejam.io/confirm-change': 'confirmed' } }), ...claim })
    await api.create({ ...claimType, metadata: of('another', { annotations: { 'notejam.io/confirm-change': 'notes' } }), ...claim })
    await api.create({ ...claimType, metadata: of('retained', { ownerReferences: [] }), ...claim })
    const unowned = { ownerReferences: [], annotations: { 'notejam.io/owner': 'the UID of an instance' } }
    await api.create({ ...claimType, metadata: of('held', unowned), ...claim })
    await api.create({ ...claimType, metadata: of('foreign', { labels: {} }), ...claim })
    await api.create({
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'foreign', namespace } },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'x' } },
        template: { ...template('Always'), metadata: { labels: { app: 'x' } } },
      },
    })
  })
  afterAll(async () => {
    await deleteNamespace(api, namespace)
    await api.close()
  })

  it('Deny: refuses what a person does to a child, and says what to do instead', async () => {
    await enforce('Deny')

    for (const { kind, change } of children) {
      const changed = await ask(person, patch(`${kind}/notes`, change))
      const deleted = await ask(person, ['delete', `${kind}/notes`])

      for (const outcome of [changed, deleted]) {
        expect(outcome).toMatchObject({ accepted: false, text: expect.stringContaining(`${kind} notes is kept by the operator for`) })
        expect(outcome.text).toContain(`kubectl -n ${namespace} edit nj/notes`)
        expect(outcome.text).toContain('notejam.io/confirm-change=notes')
      }
    }
    const scaled = await ask(person, ['scale', 'deployment/notes', '--replicas=3'])
    expect(scaled).toMatchObject({ accepted: false, text: expect.stringContaining('scale nj/notes --replicas=N') })
    const orphaned = await ask(person, patch('service/notes', { metadata: { ownerReferences: null } }))
    expect(orphaned.accepted).toBe(false)
    const misnamed = await ask(person, ['delete', 'pvc/another'])
    expect(misnamed.accepted).toBe(false)
    const unownedToo = await ask(person, ['delete', 'pvc/held'])
    expect(unownedToo.accepted).toBe(false)
  })

  it('Deny: lets through whoever works on children, and what does not touch them', async () => {
    await enforce('Deny')
    const deployment = patch('deployment/notes', { spec: { paused: true } })
    const remove = ['delete', 'job/notes']
    const scale = ['scale', 'deployment/notes', '--replicas=3']
    const accepted: readonly (readonly [string, Somebody, readonly string[]])[] = [
      ['the operator changes', { user: 'system:serviceaccount:ops:notejam-operator' }, deployment],
      ['the operator deletes', { user: 'system:serviceaccount:ops:notejam-operator' }, remove],
      ['the garbage collector deletes', inKubeSystem('generic-garbage-collector'), remove],
      ['the namespace controller deletes', inKubeSystem('namespace-controller'), ['delete', 'pvc/notes']],
      ['the autoscaler scales', inKubeSystem('horizontal-pod-autoscaler'), scale],
      ['a controller manager without accounts of its own scales', { user: 'system:kube-controller-manager' }, scale],
      ['the controller of Deployments changes', inKubeSystem('deployment-controller'), deployment],
      ['the controller of finished Jobs deletes', inKubeSystem('ttl-after-finished-controller'), remove],
      ['a node changes', { user: 'node', groups: ['system:nodes'] }, patch('pvc/notes', { metadata: { ownerReferences: null } })],
      ['a user of the values deletes', { user: 'velero' }, remove],
      ['a group of the values changes', { user: 'bob', groups: ['storage'] }, deployment],
      ['a person annotates', person, ['annotate', 'deployment/notes', 'example.org/note=1']],
      [
        'a person confirms and changes',
        person,
        patch('secret/notes', { metadata: { annotations: { 'notejam.io/confirm-change': 'notes' } }, data: {} }),
      ],
      ['a person deletes what was confirmed', person, ['delete', 'pvc/confirmed']],
      ['a person deletes a volume that outlived its instance', person, ['delete', 'pvc/retained']],
      ['a person deletes what is not the operator’s', person, ['delete', 'pvc/foreign']],
      ['a person takes what is not the operator’s for a child', person, patch('pvc/foreign', { metadata: { labels } })],
      ['a person scales what is not the operator’s', person, ['scale', 'deployment/foreign', '--replicas=1']],
    ]

    const outcomes: Record<string, Outcome> = {}
    for (const [what, who, args] of accepted) outcomes[what] = await ask(who, args)

    expect(outcomes).toEqual(
      Object.fromEntries(
        accepted.map(([what]) => [what, { accepted: true, text: expect.not.stringContaining('NotejamInstance') as string }]),
      ),
    )
    // Those of the next namespace are nobody here.
    const impostor = await ask({ user: 'system:serviceaccount:children:notejam-operator' }, deployment)
    expect(impostor.accepted).toBe(false)
  })

  it('Deny: Kubernetes itself rolls out and collects', async () => {
    await enforce('Deny')
    const service = { apiVersion: 'v1', kind: 'Service' }
    const { metadata } = await api.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late-owner', namespace } })
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'late-owner', uid: metadata.uid ?? '', controller: true }
    const late = { name: 'late', namespace, labels, ownerReferences: [reference] }
    await api.create({ ...service, metadata: late, spec: { ports: [{ port: 80 }] } })
    const content = {
      replicas: 0,
      selector: { matchLabels: { late: 'yes' } },
      template: { ...template('Always'), metadata: { labels: { late: 'yes' } } },
    }
    const deployment: KubeObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: late, spec: content }
    await api.create(deployment)

    const revision = await waitFor(
      async () => (await api.get(deployment, 'late', namespace))?.metadata.annotations?.['deployment.kubernetes.io/revision'],
      { what: 'the revision of the Deployment', timeoutMs: 20_000, intervalMs: 50 },
    )
    await api.delete({ apiVersion: 'v1', kind: 'ConfigMap' }, 'late-owner', namespace)

    expect(revision).toBe('1')
    for (const type of [service, deployment]) {
      await waitFor(async () => (await api.get(type, 'late', namespace)) === undefined, {
        what: `${type.kind} being collected`,
        timeoutMs: 40_000,
        intervalMs: 100,
      })
    }
  })

  it('Warn: lets everything through with a warning', async () => {
    await enforce('Warn')

    const changed = await ask(person, patch('service/notes', { spec: { type: 'NodePort' } }))
    const deleted = await ask(person, ['delete', 'job/notes'])
    const annotated = await ask(person, ['annotate', 'service/notes', 'example.org/note=1'])

    expect(changed).toEqual({
      accepted: true,
      text: expect.stringContaining('Service notes is kept by the operator for NotejamInstance notes'),
    })
    expect(deleted).toEqual({
      accepted: true,
      text: expect.stringContaining('Job notes is kept by the operator for NotejamInstance notes'),
    })
    expect(annotated).toEqual({ accepted: true, text: '' })
  })
})

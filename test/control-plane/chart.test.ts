import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { definitions } from '../../operator/src/api/definitions.gen.ts'
import { backupController } from '../../operator/src/backup/controller.ts'
import { restoreController } from '../../operator/src/backup/restore-controller.ts'
import { storeController } from '../../operator/src/backup/store-controller.ts'
import { instanceController } from '../../operator/src/instance/controller.ts'
import { rbacRules, type PolicyRule } from '../../operator/src/runtime/rbac.ts'
import type { KubeObject } from '../cluster/api-client.ts'
import { ensureBinaries } from '../cluster/binaries.ts'
import { runCommand } from '../cluster/command.ts'
import { silentProgress } from '../cluster/progress.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds, objectsOf } from '../support/crds.ts'
import { testNamespace } from '../support/namespace.ts'
import { FakeKubelet } from './instance-kubelet.ts'
import { OperatorProcess } from './instance-operator.ts'

const top = join(import.meta.dirname, '../..')
const chart = join(top, 'charts/notejam-operator')
const api = controlPlaneApi()
let helm = ''

const everySwitch = [
  'replicas=2',
  'podDisruptionBudget.enabled=true',
  'networkPolicy.enabled=true',
  'metrics.serviceMonitor.enabled=true',
  'priorityClassName=system-cluster-critical',
  'imagePullSecrets[0].name=pull',
  'serviceAccount.annotations.a=b',
  'podAnnotations.a=b',
  'podLabels.a=b',
  'nodeSelector.a=b',
  'watchNamespaces={one,two}',
]

async function template(namespace: string, settings: readonly string[] = []): Promise<readonly KubeObject[]> {
  const sets = settings.flatMap((setting) => ['--set', setting])
  return objectsOf(await runCommand(helm, ['template', 'notejam-operator', chart, '--namespace', namespace, ...sets]))
}

/** What a policy looks at. */
interface Held extends Pick<PolicyRule, 'apiGroups' | 'resources'> {
  readonly operations: readonly string[]
}

interface Role extends KubeObject {
  readonly rules: readonly PolicyRule[]
}

/** `verb group/resource [names]`, one for each right. */
function rights(rules: readonly PolicyRule[]): readonly string[] {
  return rules
    .flatMap(({ apiGroups, resources, verbs, resourceNames = [] }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource} ${resourceNames.join(',')}`.trim())),
      ),
    )
    .toSorted()
}

function roleOf(objects: readonly KubeObject[], kind: string, name: string): Role {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name)
  if (found === undefined) throw new Error(`the chart has no ${kind} ${name}`)
  return found as Role
}

const controllers = [
  instanceController({ randomKey: () => '', random: () => 0 }),
  backupController(),
  storeController(),
  restoreController(),
]

beforeAll(async () => {
  helm = (await ensureBinaries(['helm'], { progress: silentProgress })).helm
})

afterAll(async () => {
  await api.close()
})

describe('the chart', () => {
  it('ships the very CRDs of crds/, as templates that stay when it is uninstalled', async () => {
    const files = readdirSync(join(top, 'crds')).filter((name) => name.endsWith('.yaml'))
    const objects = await template('ops')

    for (const file of files) {
      const source = readFileSync(join(top, 'crds', file), 'utf8')
      const wanted = parse(source) as KubeObject
      const rendered = objects.find(({ metadata }) => metadata.name === wanted.metadata.name)
      expect(readFileSync(join(chart, 'files/crds', file), 'utf8'), `cp crds/${file} charts/notejam-operator/files/crds/`).toBe(source)
      expect(rendered?.['spec']).toEqual(wanted['spec'])
      expect(rendered?.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' })
    }
    expect(files).not.toEqual([])
  })

  it('passes helm lint in its strict form', async () => {
    expect(await runCommand(helm, ['lint', chart, '--strict'])).toContain('0 chart(s) failed')
  })

  it.each([
    ['an unknown value', ['imagee.tag=1'], 'imagee'],
    ['a wrong log level', ['logLevel=loud'], 'logLevel'],
    ['a disruption budget on one replica', ['podDisruptionBudget.enabled=true'], 'needs replicas of 2 or more'],
    ['a digest that is none', ['image.digest=sha256:abc'], 'digest'],
    ['an unknown answer to changes of children', ['admission.childChanges=Refuse'], 'childChanges'],
  ])('refuses %s', async (_what, settings, message) => {
    await expect(template('ops', settings)).rejects.toMatchObject({ details: expect.stringContaining(message) })
  })

  it('gives exactly the rights that the code declares', async () => {
    const objects = await template('ops')
    const wanted = rbacRules(
      controllers,
      'all',
      definitions.map(({ resource }) => `${resource.plural}.${resource.group}`),
    )

    expect(rights(roleOf(objects, 'ClusterRole', 'ops-notejam-operator').rules)).toEqual(rights(wanted.cluster))
    // The lease's rights are narrower than declared where Kubernetes lets them be: by its name.
    const own = rights(roleOf(objects, 'Role', 'notejam-operator-leader-election').rules)
    expect(own).toEqual([
      'create coordination.k8s.io/leases',
      'create events.k8s.io/events',
      'get coordination.k8s.io/leases notejam-operator',
      'patch events.k8s.io/events',
      'update coordination.k8s.io/leases notejam-operator',
    ])
  })

  it('gives rights in the listed namespaces only, and none over the cluster', async () => {
    const objects = await template('ops', ['watchNamespaces={one,two}', 'rbac.aggregate=false'])

    expect(objects.filter(({ kind }) => kind.startsWith('ClusterRole'))).toEqual([])
    const wanted = rights(rbacRules(controllers, 'list').namespaces)
    for (const namespace of ['one', 'two']) {
      const role = objects.find(({ kind, metadata }) => kind === 'Role' && metadata.namespace === namespace) as Role
      expect(rights(role.rules)).toEqual(wanted)
    }
  })

  it('holds every kind that the operator makes against changes by others', async () => {
    const objects = await template('ops')
    const made = roleOf(objects, 'ClusterRole', 'ops-notejam-operator').rules.filter(({ verbs }) => verbs.includes('create'))
    const policy = objects.find(
      ({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && metadata.name === 'ops-notejam-operator-children',
    )
    if (policy === undefined) throw new Error('the chart has no policy for children')

    const { matchConstraints } = policy['spec'] as { readonly matchConstraints: { readonly resourceRules: readonly Held[] } }
    const names = (rules: readonly Pick<PolicyRule, 'apiGroups' | 'resources'>[]) =>
      rules
        .flatMap(({ apiGroups, resources }) => apiGroups.flatMap((group) => resources.map((resource) => `${group}/${resource}`)))
        .toSorted()
    const notHeld = new Set(['events.k8s.io/events', 'notejam.io/notejambackups'])
    expect(names(matchConstraints.resourceRules)).toEqual(names(made).filter((name) => !notHeld.has(name)))
    expect(matchConstraints.resourceRules.map(({ operations }) => operations.join())).toEqual(
      matchConstraints.resourceRules.map(() => 'UPDATE,DELETE'),
    )
  })

  it.each([
    ['Warn', [], ['Warn', 'Audit']],
    ['Deny', ['admission.childChanges=Deny'], ['Deny', 'Audit']],
    ['Off', ['admission.childChanges=Off'], undefined],
    ['listed namespaces', ['watchNamespaces={one}'], undefined],
  ])('answers a change of children as it is told: %s', async (_what, settings, actions) => {
    const bindings = (await template('ops', settings)).filter(({ metadata }) => metadata.name.startsWith('ops-notejam-operator-children'))

    expect(bindings.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding').map((binding) => binding['spec'])).toEqual(
      actions === undefined
        ? []
        : ['ops-notejam-operator-children', 'ops-notejam-operator-children-scale'].map((policyName) => ({
            policyName,
            validationActions: actions,
          })),
    )
  })

  it('names no wildcard, and no list or watch of Secrets', async () => {
    const roles = (await template('ops')).filter(({ kind }) => kind.endsWith('Role')) as unknown as readonly Role[]

    const all = roles.flatMap(({ rules }) => rights(rules))
    expect(all.filter((right) => right.includes('*'))).toEqual([])
    expect(all.filter((right) => right.includes('secrets')).toSorted()).toEqual(['create /secrets', 'get /secrets'])
  })

  it('is accepted by the API server with every switch on, its pods in a namespace that enforces restricted', async () => {
    const namespace = await testNamespace(api)
    const objects = (await template(namespace, everySwitch)).filter(({ apiVersion }) => !apiVersion.startsWith('monitoring.'))
    const query = { dryRun: 'All', fieldManager: 'test', force: 'true', fieldValidation: 'Strict' }

    for (const object of objects.filter(({ metadata }) => metadata.namespace === undefined || metadata.namespace === namespace)) {
      const path = await api.path(object, object.metadata.namespace, object.metadata.name)
      const answer = await api.call('PATCH', path, { body: object, contentType: 'application/apply-patch+yaml', query })
      expect(answer.text).not.toContain('"status":"Failure"')
    }
    const deployment = objects.find(({ kind }) => kind === 'Deployment') as KubeObject & {
      readonly spec: { readonly template: { readonly spec: Readonly<Record<string, unknown>> } }
    }
    const { serviceAccountName: _account, priorityClassName: _priority, ...spec } = deployment.spec.template.spec
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'like-the-operator', namespace }, spec }
    const answer = await api.call('POST', await api.path(pod, namespace), { body: pod, query: { dryRun: 'All' } })
    expect(answer.status).toBe(201)
  })
})

describe('the operator with the rights of the chart', () => {
  it('brings an instance up, in order and without a refused call', async () => {
    await applyCrds(api)
    const namespace = await testNamespace(api)
    const objects = await template(namespace, ['crds.install=false', 'rbac.aggregate=false', `watchNamespaces={${namespace}}`])
    for (const object of objects.filter(({ kind }) => /^(ServiceAccount|Role|RoleBinding)$/.test(kind))) await api.apply(object)
    const folder = mkdtempSync(join(tmpdir(), 'notejam-chart-'))
    const kubeconfig = join(folder, 'kubeconfig')
    writeFileSync(kubeconfig, await accountKubeconfig(namespace), { mode: 0o600 })
    const operator = new OperatorProcess(kubeconfig, namespace, {
      election: ['--lease-name', 'notejam-operator', '--lease-namespace', namespace],
    })
    const kubelet = new FakeKubelet(api, namespace)
    onTestFinished(async ({ task }) => {
      if (task.result?.state === 'fail') console.log(operator.log.join('\n'))
      kubelet.stop()
      await operator.kill()
      rmSync(folder, { recursive: true })
    })
    kubelet.start()
    await operator.whenReady()

    await api.create({
      apiVersion: 'notejam.io/v1',
      kind: 'NotejamInstance',
      metadata: { name: 'notes', namespace },
      spec: { environment: 'Test', image: kubelet.image('good-1'), database: { type: 'SQLite', sqlite: { storage: {} } } },
    })

    await waitFor(
      async () =>
        JSON.stringify(await api.get({ apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' }, 'notes', namespace)).includes('"Serving"'),
      { what: 'the instance being served', timeoutMs: 45_000 },
    )
    await operator.stop()
    expect(operator.log.filter((line) => /forbidden|"level":"error"/i.test(line))).toEqual([])
    const events = await api.list<KubeObject & { readonly reason: string }>({ apiVersion: 'events.k8s.io/v1', kind: 'Event' }, namespace)
    expect(events.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['ReleaseStarted', 'MigrationStarted', 'ReleaseSucceeded']))
  })
})

/** A kubeconfig with a token of the chart's service account. */
async function accountKubeconfig(namespace: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/notejam-operator/token`
  const answer = await api.call('POST', path, { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} } })
  const { token } = (JSON.parse(answer.text) as { readonly status: { readonly token: string } }).status
  const config = parse(readFileSync(inject('controlPlane').kubeconfig, 'utf8')) as { users: { user: object }[] }
  const [user] = config.users
  if (user !== undefined) user.user = { token }
  return stringify(config)
}

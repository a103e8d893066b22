import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { ensureBinaries } from '../cluster/binaries.ts'
import { runCommand } from '../cluster/command.ts'
import { silentProgress } from '../cluster/progress.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds, objectsOf } from '../support/crds.ts'
import { createNamespace } from '../support/namespace.ts'
import { held, onlyHere } from './admission-scope.ts'
import { minimalSpec } from './crds-rules.ts'

const chart = join(import.meta.dirname, '../../charts/notejam-operator')
const api = controlPlaneApi()
const type = { apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' }
let helm = ''

/** Puts the chart's policy into force for the test that is running. */
async function enforce(environmentLabel: 'Optional' | 'Required'): Promise<void> {
  const namespace = `admission-${environmentLabel.toLowerCase()}`
  const rendered = await runCommand(helm, [
    'template',
    'notejam-operator',
    chart,
    '--namespace',
    namespace,
    '--show-only',
    'templates/admission.yaml',
    '--set',
    `admission.environmentLabel=${environmentLabel}`,
  ])
  const objects = objectsOf(rendered).map(onlyHere)
  onTestFinished(async () => {
    for (const object of objects) await api.delete(object, object.metadata.name)
  })
  for (const object of objects) await api.apply(object)
  // The API server takes a policy up within seconds, at a moment that it does not tell.
  const probe = await createNamespace(api, { prefix: 'probe', labels: { ...held, 'notejam.io/environment': 'Production' } })
  const unlabelled = await createNamespace(api, { prefix: 'probe', labels: held })
  // An earlier policy of the same name may still be in force: only both answers together are those of this one.
  await waitFor(
    async () => (await create(probe)).status === 422 && (await create(unlabelled)).status === (environmentLabel === 'Required' ? 422 : 201),
    {
      what: 'the policy being in force',
      timeoutMs: 20_000,
      intervalMs: 200,
    },
  )
}

async function create(namespace: string): Promise<{ readonly status: number; readonly text: string }> {
  const body = { ...type, metadata: { name: 'notes', namespace }, spec: minimalSpec }
  return await api.call('POST', await api.path(type, namespace), { body, query: { dryRun: 'All' } })
}

describe("the chart's admission policy", () => {
  beforeAll(async () => {
    await applyCrds(api)
    helm = (await ensureBinaries(['helm'], { progress: silentProgress })).helm
  })
  afterAll(async () => {
    await api.close()
  })

  it.each([
    ['Optional', 201],
    ['Required', 422],
  ] as const)('%s: holds an environment against the label of its namespace', async (environmentLabel, withoutLabel) => {
    await enforce(environmentLabel)
    const labelled = async (labels: Readonly<Record<string, string>>) =>
      create(await createNamespace(api, { prefix: 'admission', labels: { ...held, ...labels } }))

    const same = await labelled({ 'notejam.io/environment': 'Test' })
    const other = await labelled({ 'notejam.io/environment': 'Production' })
    const none = await labelled({})

    expect([same.status, other.status, none.status]).toEqual([201, 422, withoutLabel])
    expect(other.text).toContain('spec.environment is Test, but the label notejam.io/environment of namespace')
  })
})

import { afterAll, beforeAll, describe, expect, inject } from 'vitest'
import { ApiClient, type KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { keepDiagnostics } from '../support/diagnostics.ts'
import { createNamespace, deleteNamespace } from '../support/namespace.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import {
  childrenOf,
  conditionOf,
  ConditionHistory,
  deleteInstance,
  instanceHas,
  instanceObject,
  instanceReady,
  migrationJobs,
  setImage,
  urlOf,
} from './instance.ts'
import { storySteps } from './story-steps.ts'
import { restartKubelets } from './nodes.ts'
import { writeNoteInBrowser } from './browser.ts'

const name = 'notes'
const email = 'ada@example.org'
const password = 'correct horse battery'

interface Pod extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

// One instance lives through all of it, in order: that is the story.
describe('the life of an instance', () => {
  const { kubeconfig, ingressUrl, images } = inject('cluster')
  const api = ApiClient.fromKubeconfig(kubeconfig)
  let namespace: string
  let person: NotejamClient
  let noteId: number
  const story = storySteps()
  const { step } = story

  beforeAll(async () => {
    namespace = await createNamespace(api, { prefix: 'story', podSecurity: 'restricted' })
    person = new NotejamClient({ baseUrl: ingressUrl, host: new URL(urlOf(namespace, name, ingressUrl)).host })
  })

  afterAll(async () => {
    if (story.failed) await keepDiagnostics(api, namespace, 'story')
    await person.close()
    await deleteNamespace(api, namespace)
    await api.close()
  })

  const noteIsThere = async (): Promise<void> => {
    const page = await waitFor(
      async () => {
        const answer = await person.get(`/notes/${noteId}/`)
        return answer.status === 200 ? answer : undefined
      },
      { what: `note ${noteId} being served`, timeoutMs: 90_000, intervalMs: 250 },
    )
    expect(page.body).toContain('Remember the milk')
    expect(page.body).toContain('and the <b>bread</b>'.replaceAll('<', '&lt;').replaceAll('>', '&gt;'))
  }

  step('an instance that is applied becomes ready and is served through the Ingress', async () => {
    await api.create(instanceObject(namespace, name, images.app, ingressUrl))

    const instance = await instanceReady(api, namespace, name)

    expect(instance.status?.url).toBe(urlOf(namespace, name, ingressUrl))
    expect(instance.status?.release?.current?.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    const answer = await waitFor(async () => (await person.get('/signin/')).status === 200, { what: 'the sign-in page', timeoutMs: 30_000 })
    expect(answer).toBe(true)
  })

  step('a person signs up, makes a pad and a note in it', async () => {
    await person.signUp(email, password)
    const pad = await person.createPad('Groceries')
    noteId = await person.createNote('Remember the milk', 'and the <b>bread</b>', pad)

    await noteIsThere()
  })

  step('the same person signs in with a browser, reads the note and writes another', async () => {
    // The picture of the README is one of these: PICTURES=1 make test-cluster
    const picture = process.env['PICTURES'] === '1' ? 'docs/images/notejam.png' : 'test-results/notejam.png'
    const titles = await writeNoteInBrowser(urlOf(namespace, name, ingressUrl), { email, password, note: 'Written in a browser' }, picture)

    expect(titles).toEqual(expect.arrayContaining(['Remember the milk', 'Written in a browser']))
  })

  step('the note is there after the pod was deleted', async () => {
    const selector = { labelSelector: 'app.kubernetes.io/component=app' }
    const [pod] = await api.list<Pod>({ apiVersion: 'v1', kind: 'Pod' }, namespace, selector)
    await api.delete({ apiVersion: 'v1', kind: 'Pod' }, pod?.metadata.name ?? '', namespace)
    await waitFor(
      async () => {
        const pods = await api.list<Pod>({ apiVersion: 'v1', kind: 'Pod' }, namespace, selector)
        return pods.length === 1 && pods[0]?.metadata.uid !== pod?.metadata.uid
      },
      { what: 'another pod in the place of the deleted one', timeoutMs: 90_000 },
    )

    await instanceReady(api, namespace, name)
    await noteIsThere()
  })

  step('the note is there after the node agent was restarted', async () => {
    await restartKubelets()

    await instanceReady(api, namespace, name)
    await noteIsThere()
  })

  step('a new image is migrated first, then rolled out; Ready goes Unknown and back', async () => {
    const before = await instanceReady(api, namespace, name)
    const history = new ConditionHistory(api, namespace, name, 'Ready')
    await setImage(api, namespace, name, images.next)

    const after = await waitFor(
      async () => {
        const instance = await instanceReady(api, namespace, name)
        return instance.status?.release?.current?.image === images.next ? instance : undefined
      },
      { what: 'the next image being served', timeoutMs: 120_000 },
    )

    const states = (await history.end()).map((state) => state.split(':')[0])
    expect(states).toContain('Unknown')
    expect(states.at(-1)).toBe('True')
    expect(after.metadata.generation).toBe((before.metadata.generation ?? 0) + 1)
    expect(after.status?.observedGeneration).toBe(after.metadata.generation)
    expect(await migrationJobs(api, namespace)).toHaveLength(2)
    await noteIsThere()
  })

  const bad = [
    ['an image that cannot be pulled', 'missing', 'ImagePullFailed', /pull|not found/i],
    ['an image whose migration fails', 'failsMigration', 'MigrationFailed', /this migration fails, as the test wants it/],
    ['an image that crashes', 'crashes', 'RolloutCrashed', /this image crashes at start, as the test wants it/],
  ] as const
  for (const [title, image, reason, message] of bad) {
    step(`${title}: the state says so, the old data is untouched, and the way back works`, async () => {
      await setImage(api, namespace, name, images[image])

      const stalled = await instanceHas(api, namespace, name, { type: 'Stalled', status: 'True', reason }, 180_000)

      expect(stalled.message).toMatch(message)
      await noteIsThere()

      await setImage(api, namespace, name, images.next)
      const repaired = await instanceReady(api, namespace, name)
      expect(conditionOf(repaired, 'Stalled')?.status).toBe('False')
      await noteIsThere()
    })
  }

  step('an instance that is deleted takes all its children along', async () => {
    expect(await childrenOf(api, namespace)).not.toEqual([])

    await deleteInstance(api, namespace, name)

    await waitFor(async () => (await childrenOf(api, namespace)).length === 0, { what: 'all children being gone', timeoutMs: 90_000 })
  })
})

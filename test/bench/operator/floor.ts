import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Agent, request } from 'undici'
import { parse } from 'yaml'
import { fillTemplate } from './template.ts'

/**
 * The floor: what the work costs when nothing is done but the work. One watch, for a new instance its children, for a changed one its Deployment, each
 * by server-side apply; no cache, no queue, no comparison, no retry.
 *
 * Arguments: kubeconfig, namespace, template, calls in flight. Says `ready` on standard output.
 */
const [kubeconfig = '', namespace = '', template = '', inFlight = '16'] = process.argv.slice(2)

interface Instance {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string; readonly generation: number }
  readonly spec: { readonly image: string; readonly app?: { readonly extraEnv?: readonly { readonly value: string }[] } }
}

interface Child {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
}

const plurals: Readonly<Record<string, string>> = { Ingress: 'ingresses', NetworkPolicy: 'networkpolicies' }

const file = parse(readFileSync(kubeconfig, 'utf8')) as {
  readonly clusters: readonly [{ readonly cluster: Readonly<Record<string, string>> }]
  readonly users: readonly [{ readonly user: Readonly<Record<string, string>> }]
}
const pem = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString()
const url = file.clusters[0].cluster['server'] ?? ''
const connect = {
  ca: pem(file.clusters[0].cluster['certificate-authority-data']),
  cert: pem(file.users[0].user['client-certificate-data']),
  key: pem(file.users[0].user['client-key-data']),
}
const calls = new Agent({ connect, connections: Number(inFlight) })
const watches = new Agent({ connect, bodyTimeout: 0 })
const lines = readFileSync(template, 'utf8').trim().split('\n')
const deployment = lines.filter((line) => line.includes('"kind":"Deployment"'))
const known = new Map<string, number>()
const waiting: (() => Promise<void>)[] = []
let active = 0

function start(work: () => Promise<void>): void {
  waiting.push(work)
  drain()
}

function drain(): void {
  while (active < Number(inFlight)) {
    const work = waiting.shift()
    if (work === undefined) return
    active += 1
    void work().finally(() => {
      active -= 1
      drain()
    })
  }
}

async function send(path: string, query: string, type: string, body: string): Promise<void> {
  const { statusCode, body: answer } = await request(`${url}${path}?${query}`, {
    method: 'PATCH',
    dispatcher: calls,
    headers: { 'content-type': type },
    body,
  })
  const text = await answer.text()
  if (statusCode >= 300) throw new Error(`${path}: ${statusCode} ${text}`)
}

async function apply({ metadata, spec }: Instance, which: readonly string[]): Promise<void> {
  const { name, uid } = metadata
  const mark = spec.app?.extraEnv?.[0]?.value ?? ''
  for (const line of which) {
    const body = fillTemplate(line, { name, namespace, uid, image: spec.image, mark })
    const child = JSON.parse(body) as Child
    const group = child.apiVersion.includes('/') ? `/apis/${child.apiVersion}` : `/api/${child.apiVersion}`
    const plural = plurals[child.kind] ?? `${child.kind.toLowerCase()}s`
    const path = `${group}/namespaces/${namespace}/${plural}/${child.metadata.name}`
    await send(path, 'fieldManager=floor&force=true', 'application/apply-patch+yaml', body)
  }
}

const collection = `/apis/notejam.io/v1/namespaces/${namespace}/notejaminstances`
const { body: list } = await request(`${url}${collection}`, { dispatcher: watches })
const { metadata } = (await list.json()) as { readonly metadata: { readonly resourceVersion: string } }
const { body: events } = await request(`${url}${collection}?watch=1&resourceVersion=${metadata.resourceVersion}&timeoutSeconds=7200`, {
  dispatcher: watches,
})
process.stdout.write('ready\n')
for await (const line of createInterface({ input: events })) {
  const { type, object } = JSON.parse(line) as { readonly type: string; readonly object: Instance }
  const { name, generation } = object.metadata
  if (type === 'DELETED' || known.get(name) === generation) continue
  const isNew = !known.has(name)
  known.set(name, generation)
  start(async () => {
    await apply(object, isNew ? lines : deployment)
    // A controller says how far it is.
    if (isNew)
      await send(
        `${collection}/${name}/status`,
        'fieldManager=floor',
        'application/merge-patch+json',
        `{"status":{"observedGeneration":${generation}}}`,
      )
  })
}

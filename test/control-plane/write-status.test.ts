import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { notejamBackups, notejamBackupStores, notejamRestores } from '../../operator/src/backup/kinds.ts'
import { notejamInstances } from '../../operator/src/instance/kinds.ts'
import type { DynamicObject } from '../../operator/src/kube/object.ts'
import { withoutEmpty } from '../../operator/src/runtime/without-empty.ts'
import { writeStatus } from '../../operator/src/runtime/write-status.ts'
import { connect } from '../fault-proxy/connect.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { testNamespace } from '../support/namespace.ts'
import { minimalBackup, minimalRestore, minimalStore } from './crds-backup-rules.ts'
import { minimalSpec } from './crds-rules.ts'
import { Scene } from './instance-scene.ts'

const api = controlPlaneApi()

interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema
  readonly items?: Schema
  readonly enum?: readonly string[]
  readonly format?: string
}

type Block = Readonly<Record<string, unknown>>

/** A status with something in a block or list, and the same with nothing in it. */
interface Case {
  readonly path: string
  readonly filled: Block
  readonly emptied: Block
}

function statusSchema(plural: string): Schema {
  const file = join(import.meta.dirname, `../../crds/notejam.io_${plural}.yaml`)
  const { spec } = parse(readFileSync(file, 'utf8')) as {
    readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[] }
  }
  return spec.versions[0]?.schema.openAPIV3Schema.properties?.['status'] ?? {}
}

/** The least that the schema takes. */
function least(schema: Schema): unknown {
  if (schema.type === 'object') return leastBlock(schema)
  if (schema.type === 'array') return [least(schema.items ?? {})]
  if (schema.type === 'string') return schema.enum?.[0] ?? (schema.format === 'date-time' ? '2026-01-01T00:00:00Z' : 'a')
  return 1
}

function leastBlock({ required = [], properties = {} }: Schema): Block {
  return Object.fromEntries(required.map((name) => [name, least(properties[name] ?? {})]))
}

/** The least that the schema takes, with one field at the least. */
function filledBlock(schema: Schema): Block {
  if (schema.additionalProperties !== undefined) return { memory: least(schema.additionalProperties) }
  const [name = '', field = {}] = Object.entries(schema.properties ?? {})[0] ?? []
  return { [name]: field.type === 'object' ? filledBlock(field) : least(field), ...leastBlock(schema) }
}

/** Every block and list of a schema, at any depth. */
function casesOf(schema: Schema, path = ''): readonly Case[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const here = `${path}${name}`
    if (field.type === 'object') {
      const filled = filledBlock(field)
      const undefinedFields = Object.fromEntries(Object.keys(filled).map((key) => [key, undefined]))
      const inner = casesOf(field, `${here}.`).map((deeper) => within(deeper, (block) => ({ [name]: { ...leastBlock(field), ...block } })))
      return [{ path: here, filled: { [name]: filled }, emptied: { [name]: undefinedFields } }, ...inner]
    }
    if (field.type === 'array') {
      const item = leastBlock(field.items ?? {})
      const inner = casesOf(field.items ?? {}, `${here}[].`).map((deeper) =>
        within(deeper, (block) => ({ [name]: [{ ...item, ...block }] })),
      )
      return [{ path: here, filled: { [name]: [item] }, emptied: { [name]: [] } }, ...inner]
    }
    return []
  })
}

function within({ path, filled, emptied }: Case, wrap: (block: Block) => Block): Case {
  return { path, filled: wrap(filled), emptied: wrap(emptied) }
}

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe.each([
  { resource: notejamInstances, spec: minimalSpec },
  { resource: notejamBackupStores, spec: minimalStore },
  { resource: notejamBackups, spec: minimalBackup },
  { resource: notejamRestores, spec: minimalRestore },
])('the status of a $resource.kind', ({ resource, spec }) => {
  it.each(casesOf(statusSchema(resource.plural)))('may lose all that $path holds', async ({ filled, emptied }) => {
    const connected = await connect(inject('controlPlane').kubeconfig)
    onTestFinished(() => connected.close())
    const { client } = connected
    const options = { fieldManager: 'test', signal: AbortSignal.timeout(20_000) }
    const metadata = { name: 'notes', namespace: await testNamespace(api, { prefix: 'status' }) }
    await api.create({ apiVersion: 'notejam.io/v1', kind: resource.kind, metadata, spec })
    const created = await client.get<DynamicObject & { readonly status?: object }>(resource, metadata)
    const before = await writeStatus(client, resource, created, filled, options)

    const after = await writeStatus(client, resource, before, emptied, options)
    const again = await writeStatus(client, resource, after, emptied, options)

    expect(before.status).toEqual(filled)
    expect(after.status ?? {}).toEqual(withoutEmpty(emptied))
    expect(again).toBe(after)
  })
})

describe('an operator', () => {
  it('reports an instance whose pods have limits no more', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    await scene.create('good-1', { resources: { requests: { memory: '64Mi' }, limits: { memory: '128Mi' } } })
    await scene.served('good-1')

    await scene.edit({ resources: { limits: null } })
    await scene.until('Ready', 'True', 'Serving')

    const status = (await scene.get())?.status as { readonly effectivePolicy?: { readonly resources?: object } }
    expect(status.effectivePolicy?.resources).toEqual({ requests: { cpu: '100m', memory: '64Mi' } })
  })
})

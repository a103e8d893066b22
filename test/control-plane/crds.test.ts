import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { kubectlFor } from '../support/kubectl.ts'
import { createNamespace } from '../support/namespace.ts'
import {
  backupRules,
  instanceBackupRules,
  minimalBackup,
  minimalRestore,
  minimalStore,
  restoreRules,
  storeRules,
} from './crds-backup-rules.ts'
import { instanceRules, minimalSpec, type RuleFixture, type Spec } from './crds-rules.ts'

const api = controlPlaneApi()

/** A kind of ours with the fixtures of its rules. A rule without a fixture fails the test. */
interface Kind {
  readonly kind: string
  readonly plural: string
  readonly least: Spec
  /** What the API server adds to it. */
  readonly adds: string
  readonly rules: readonly RuleFixture[]
}

const kinds: readonly Kind[] = [
  {
    kind: 'NotejamInstance',
    plural: 'notejaminstances',
    least: minimalSpec,
    adds: '"managementPolicy":"Managed"',
    rules: [...instanceRules, ...instanceBackupRules],
  },
  { kind: 'NotejamBackupStore', plural: 'notejambackupstores', least: minimalStore, adds: '"pathStyle":"Auto"', rules: storeRules },
  { kind: 'NotejamBackup', plural: 'notejambackups', least: minimalBackup, adds: '"retention":"Policy"', rules: backupRules },
  { kind: 'NotejamRestore', plural: 'notejamrestores', least: minimalRestore, adds: '"deadlineSeconds":14400', rules: restoreRules },
]

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
  readonly items?: Schema
  readonly type?: string
  readonly description?: string
  readonly maxItems?: number
  readonly maxLength?: number
  readonly maxProperties?: number
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string; readonly message: string }[]
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-int-or-string'?: boolean
}

function schemaOf(plural: string): Schema {
  const file = join(import.meta.dirname, `../../crds/notejam.io_${plural}.yaml`)
  const { spec } = parse(readFileSync(file, 'utf8')) as {
    readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[] }
  }
  return spec.versions[0]?.schema.openAPIV3Schema ?? {}
}

/** Every schema of the tree with its path. */
function* walk(schema: Schema, path: string): Generator<readonly [string, Schema]> {
  yield [path, schema]
  for (const [name, child] of Object.entries(schema.properties ?? {})) yield* walk(child, `${path}.${name}`)
  if (schema.items !== undefined) yield* walk(schema.items, `${path}[]`)
  if (schema.additionalProperties !== undefined) yield* walk(schema.additionalProperties, `${path}{}`)
}

describe.each(kinds)('the schema of $kind', ({ plural, rules }) => {
  const root = schemaOf(plural)
  const fields = [...walk(root, '')].filter(([path]) => /^\.(spec|status)/.test(path))

  it('describes every field with a text that begins with its name', () => {
    const named = fields.filter(([path]) => /\.\w[\w-]*$/.test(path))

    const silent = named.filter(([path, { description = '' }]) => {
      const name = path.slice(path.lastIndexOf('.') + 1)
      return !new RegExp(`^${name}\\b.{10,}`, 's').test(description)
    })

    expect(named.length).toBeGreaterThan(20)
    expect(silent.map(([path]) => path)).toEqual([])
  })

  it('bounds every list, string and map', () => {
    const unbounded = fields.filter(
      ([, schema]) =>
        (schema.type === 'array' && (schema.maxItems === undefined || schema['x-kubernetes-list-type'] === undefined)) ||
        ((schema.type === 'string' || schema['x-kubernetes-int-or-string'] === true) && schema.maxLength === undefined) ||
        (schema.additionalProperties !== undefined && schema.maxProperties === undefined),
    )

    expect(unbounded.map(([path]) => path)).toEqual([])
  })

  it('has a refused fixture for every rule that it states', () => {
    const stated = [...walk(root, '')].flatMap(([, schema]) => (schema['x-kubernetes-validations'] ?? []).map(({ message }) => message))

    const refused = new Set(rules.map(({ message }) => message))

    expect(stated.filter((message) => ![...refused].some((part) => message.includes(part)))).toEqual([])
  })
})

describe.each(kinds)('the rules of $kind on a real API server', ({ kind, plural, least, adds, rules }) => {
  const type = { apiVersion: 'notejam.io/v1', kind }
  let namespace = ''
  let count = 0

  beforeAll(async () => {
    await applyCrds(api)
    namespace = await createNamespace(api, { prefix: 'crd-rules' })
  })

  const instance = (spec: Spec, name: string): KubeObject => ({ ...type, metadata: { name, namespace }, spec })

  async function submit(before: Spec | undefined, spec: Spec, name: string): Promise<{ readonly status: number; readonly text: string }> {
    const path = `/apis/notejam.io/v1/namespaces/${namespace}/${plural}`
    if (before === undefined)
      return api.call('POST', path, { body: instance(spec, name), query: { dryRun: 'All', fieldValidation: 'Strict' } })
    const created = await api.create(instance(before, name))
    return api.call('PUT', `${path}/${name}`, { body: { ...created, spec }, query: { dryRun: 'All', fieldValidation: 'Strict' } })
  }

  it('accept the least that can be said', async () => {
    const answer = await submit(undefined, least, 'least')

    expect(answer.text).toContain(adds)
    expect(answer.status).toBe(201)
  })

  it.each(rules)('$rule: accepted', async ({ before, accepted, acceptedName }) => {
    count += 1
    const answer = await submit(before, accepted, acceptedName ?? `accepted-${count}`)

    expect(answer.text).not.toContain('"status":"Failure"')
    expect([200, 201]).toContain(answer.status)
  })

  it.each(rules)('$rule: refused', async ({ before, refused, refusedName, message }) => {
    count += 1
    const answer = await submit(before, refused, refusedName ?? `refused-${count}`)

    expect(answer.status).toBe(422)
    expect(answer.text).toContain(message)
  })
})

describe('kubectl', () => {
  it('explains the API', async () => {
    await applyCrds(api)
    const kubectl = await kubectlFor(inject('controlPlane').kubeconfig)

    // kubectl looks short names up in what it has kept of the server, and reads that anew after it has failed.
    const text = await waitFor(async () => await kubectl.run(['explain', 'nj.spec.database.sqlite.storage']), {
      what: 'the API explained',
      timeoutMs: 30_000,
    })

    expect(text).toContain('size\t<string>')
    expect(text.replaceAll(/\s+/g, ' ')).toContain('size of the volume; 1Gi if not given.')
  })
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { parse } from 'yaml'
import { knowledge, imageTags } from './fleet-knowledge.ts'
import { fieldsOf, valuesOf, type Schema } from './fleet-schema.ts'

/** Something that happens to an instance. */
export type Edit =
  /** A merge patch of the instance (RFC 7396), with placeholders for the namespace. */
  | { readonly type: 'Patch'; readonly what: string; readonly patch: object }
  /** Another image, and whether it is approved with it. */
  | { readonly type: 'Image'; readonly tag: string; readonly byDigest: boolean; readonly approved: boolean }
  /** Another password in the Secret of an external database. */
  | { readonly type: 'Password'; readonly password: string }
  /** Somebody deletes a child. */
  | { readonly type: 'Loss'; readonly kind: LosableKind }
  /** The backup store breaks, or works again. */
  | { readonly type: 'Store'; readonly works: boolean }

/** Children whose loss costs no data. */
export const losableKinds = ['Deployment', 'Service', 'Ingress', 'PodDisruptionBudget', 'NetworkPolicy'] as const

/** A kind of {@link losableKinds}. */
export type LosableKind = (typeof losableKinds)[number]

/** An edit, and which of so many instances it is for. */
export interface Planned {
  readonly instance: number
  readonly edit: Edit
}

interface Definition {
  readonly spec: { readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }] }
}

/** The schema of `spec`, as the CustomResourceDefinition has it. */
export function specSchema(): Schema {
  const path = join(import.meta.dirname, '../../crds/notejam.io_notejaminstances.yaml')
  const { spec } = parse(readFileSync(path, 'utf8')) as Definition
  return spec.versions[0].schema.openAPIV3Schema.properties?.['spec'] ?? {}
}

/** Blocks and fields that keep a run within its time, so they are changed and not removed; the image has an edit of its own. */
const kept = new Set([
  ...['image', 'release', 'release.rollout', 'release.rollout.minReadySeconds', 'release.rollout.progressDeadlineSeconds'],
  ...['release.migration', 'release.migration.deadlineSeconds', 'expiration.action'],
])

/** Edits of single fields and blocks, made from a schema, and the ones that people make most. */
export function editsOf(schema: Schema): fc.Arbitrary<Edit> {
  const fields = fieldsOf(schema).filter(({ path }) => path !== 'image')
  const set = fc
    .constantFrom(...fields)
    .chain((field) => valuesOf(field.schema, field.path, knowledge).map((value): Edit => patchOf(`set ${field.path}`, field.path, value)))
  const removable = fields.map(({ path }) => path).filter((path) => !kept.has(path))
  const remove = fc.constantFrom(...removable).map((path): Edit => patchOf(`remove ${path}`, path, null))
  const toggle = (path: string, usual: string, other: string) =>
    fc
      .oneof({ weight: 2, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constant(other) })
      .map((value): Edit => patchOf(`set ${path} ${value}`, path, value))
  const image = fc
    .record({ tag: imageTags, byDigest: fc.boolean(), approved: fc.boolean() })
    .map((wanted): Edit => ({ type: 'Image', ...wanted }))
  const token = fc.nat({ max: 999 }).map((number): Edit => patchOf('retry', 'release.retryToken', `try-${number}`))
  const metadata = fc
    .record({
      field: fc.constantFrom('labels', 'annotations'),
      key: fc.constantFrom('team', 'tier', 'example.org/owner', 'kubectl.kubernetes.io/note'),
      value: fc.constantFrom('a', 'b', null),
    })
    .map(({ field, key, value }): Edit => ({
      type: 'Patch',
      what: `set ${field} ${key}`,
      patch: { metadata: { [field]: { [key]: value } } },
    }))
  const password = fc.nat({ max: 999 }).map((number): Edit => ({ type: 'Password', password: `secret-${number}` }))
  const loss = fc.constantFrom(...losableKinds).map((kind): Edit => ({ type: 'Loss', kind }))
  const store = fc.boolean().map((works): Edit => ({ type: 'Store', works }))
  return fc.oneof(
    { weight: 54, arbitrary: set },
    { weight: 14, arbitrary: remove },
    { weight: 12, arbitrary: image },
    { weight: 4, arbitrary: toggle('managementPolicy', 'Managed', 'Paused') },
    { weight: 4, arbitrary: toggle('runPolicy', 'Running', 'Hibernated') },
    { weight: 3, arbitrary: token },
    { weight: 4, arbitrary: metadata },
    { weight: 2, arbitrary: password },
    { weight: 2, arbitrary: loss },
    { weight: 1, arbitrary: store },
  )
}

/** A row of edits of so many instances; the same for the same seed. */
export function planEdits({ instances, count, seed }: { readonly instances: number; readonly count: number; readonly seed: number }) {
  const planned: fc.Arbitrary<Planned> = fc.record({ instance: fc.nat({ max: instances - 1 }), edit: editsOf(specSchema()) })
  return fc.sample(planned, { numRuns: count, seed })
}

function patchOf(what: string, path: string, value: unknown): Edit {
  const nested = path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value)
  return { type: 'Patch', what, patch: { spec: nested } }
}

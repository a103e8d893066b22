import type { KubeObject } from '../../cluster/api-client.ts'

/** What stands in a template for what differs from instance to instance; the Go controller knows the same words. */
export const placeholders = { name: 'qqname', namespace: 'qqnamespace', uid: 'qquid', image: 'qqimage', mark: 'qqmark' } as const

/** What takes the place of the {@link placeholders}. */
export type Filling = Readonly<Record<keyof typeof placeholders, string>>

/** Fields as server-side apply writes them down (`FieldsV1`): `f:name`, `k:{"key":"value"}`, `v:value`, `i:index`, and `.` for the thing itself. */
interface FieldSet {
  readonly [field: string]: FieldSet
}

interface ManagedFields {
  readonly manager?: string
  readonly operation?: string
  readonly subresource?: string
  readonly fieldsV1?: FieldSet
}

/**
 * What a field manager applied of an object: the request body that would apply the same again. Falls back to what was created, for objects that nobody
 * applied.
 */
export function appliedPart(object: KubeObject): KubeObject {
  const entries = ((object.metadata['managedFields'] ?? []) as readonly ManagedFields[]).filter(
    ({ subresource }) => subresource === undefined,
  )
  const entry = entries.find(({ operation }) => operation === 'Apply') ?? entries[0]
  const part = project(object, entry?.fieldsV1 ?? {}) as Record<string, unknown>
  const { name, namespace } = object.metadata
  return {
    ...part,
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: { ...(part['metadata'] as object | undefined), name, ...(namespace === undefined ? {} : { namespace }) },
  }
}

function project(value: unknown, fields: FieldSet): unknown {
  const names = Object.keys(fields).filter((field) => field !== '.')
  if (names.length === 0 || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.flatMap((item: unknown) => projectItem(item, fields))
  const object = value as Readonly<Record<string, unknown>>
  const kept = names.filter((field) => field.startsWith('f:') && object[field.slice(2)] !== undefined)
  return Object.fromEntries(kept.map((field) => [field.slice(2), project(object[field.slice(2)], fields[field] ?? {})]))
}

function projectItem(item: unknown, fields: FieldSet): readonly unknown[] {
  const field = Object.keys(fields).find((candidate) => isItem(candidate, item))
  return field === undefined ? [] : [project(item, fields[field] ?? {})]
}

function isItem(field: string, item: unknown): boolean {
  const json = field.slice(2)
  if (field.startsWith('v:')) return JSON.stringify(item) === json
  if (!field.startsWith('k:') || typeof item !== 'object' || item === null) return false
  const keys = JSON.parse(json) as Readonly<Record<string, unknown>>
  return Object.entries(keys).every(([key, value]) => (item as Readonly<Record<string, unknown>>)[key] === value)
}

/** Annotations that only the operator can compute: hashes over what differs from instance to instance. */
const hashes = new Set(['notejam.io/applied', 'notejam.io/template-hash', 'notejam.io/secret-hash'])

/** Children of one instance as lines of JSON with {@link placeholders}: what floor and Go controller apply for each of theirs. */
export function templateOf(children: readonly KubeObject[], filling: Filling): string {
  const words = (Object.keys(placeholders) as (keyof typeof placeholders)[]).toSorted((a, b) => filling[b].length - filling[a].length)
  const lines = children.map((child) => {
    const text = JSON.stringify(appliedPart(child), (key, value: unknown) => (hashes.has(key) ? undefined : value))
    return words.reduce((line, word) => line.replaceAll(filling[word], placeholders[word]), text)
  })
  return lines.join('\n')
}

/** Fills a line of a template. */
export function fillTemplate(line: string, filling: Filling): string {
  return line.replaceAll(/qq(?:namespace|name|uid|image|mark)/g, (word) => filling[word.slice(2) as keyof typeof placeholders])
}

import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from 'json-schema-to-typescript'
import { parse } from 'yaml'
import { schemaHash } from '../src/runtime/served.ts'

type Schema = Record<string, unknown>

interface Definition {
  readonly spec: {
    readonly group: string
    readonly names: { readonly kind: string; readonly plural: string }
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[]
  }
}

const crds = join(import.meta.dirname, '../../crds')
const target = join(import.meta.dirname, '../src/api')

/** A generated file: its path, and the text that the CRD of today gives. */
export interface GeneratedFile {
  readonly path: string
  readonly text: string
}

/** What Kubernetes adds to JSON Schema, said in JSON Schema; what the types cannot hold is dropped. */
function toJsonSchema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toJsonSchema)
  if (typeof value !== 'object' || value === null) return value
  const schema = value as Schema
  if (schema['x-kubernetes-int-or-string'] === true) return { description: schema['description'], tsType: 'string | number' }
  if (schema['x-kubernetes-preserve-unknown-fields'] === true)
    return { description: schema['description'], tsType: 'Readonly<Record<string, unknown>>' }
  const kept = Object.entries(schema).filter(
    ([key, inner]) => !key.startsWith('x-kubernetes-') && !(key === 'maxItems' && typeof inner === 'number'),
  )
  return Object.fromEntries(kept.map(([key, inner]) => [key, toJsonSchema(inner)]))
}

/** Makes the list of the CRDs with the hashes of their schemas, by which the operator sees that those in the cluster are not its own. */
function generateDefinitions(): GeneratedFile {
  const entries = readDefinitions().map(({ definition }) => {
    const { group, names, versions } = definition.spec
    const version = versions[0]?.name ?? ''
    const hash = schemaHash(definition, version)
    return `  {\n    resource: { group: '${group}', version: '${version}', plural: '${names.plural}', kind: '${names.kind}', namespaced: true },\n    schemaHash: '${hash}',\n  },\n`
  })
  const text = `// Generated from crds/ by operator/scripts/generate-types.ts; a test fails when the two differ.
import type { ExpectedDefinition } from '../runtime/manager.ts'

/** The CustomResourceDefinitions that this version of the operator was built with. */
export const definitions: readonly ExpectedDefinition[] = [
${entries.join('')}]
`
  return { path: join(target, 'definitions.gen.ts'), text }
}

function readDefinitions(): readonly { readonly name: string; readonly definition: Definition }[] {
  return readdirSync(crds)
    .filter((name) => name.endsWith('.yaml'))
    .toSorted()
    .map((name) => ({ name, definition: parse(readFileSync(join(crds, name), 'utf8')) as Definition }))
}

/** Makes the TypeScript types of every CRD in `crds/`. Objects take no unknown fields, as the API server prunes them. */
export async function generateTypes(): Promise<readonly GeneratedFile[]> {
  const types = await Promise.all(
    readDefinitions().map(async ({ name, definition }) => {
      const { kind } = definition.spec.names
      const [version] = definition.spec.versions
      if (version === undefined) throw new TypeError(`crds/${name} has no version`)
      const schema = toJsonSchema(version.schema.openAPIV3Schema) as { properties: Schema; required?: string[] }
      const root = {
        ...schema,
        title: kind,
        required: ['apiVersion', 'kind', 'metadata', ...(schema.required ?? [])],
        properties: { ...schema.properties, metadata: { description: 'metadata of the object.', tsType: 'ObjectMeta' } },
      }
      const text = await compile(root, kind, {
        additionalProperties: false,
        bannerComment: `// Generated from crds/${name} by operator/scripts/generate-types.ts; a test fails when the two differ.\nimport type { ObjectMeta } from '../kube/object.ts'\n`,
        style: { semi: false, singleQuote: true, printWidth: 140, trailingComma: 'all' },
      })
      return { path: join(target, `${kind.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()}.gen.ts`), text }
    }),
  )
  return [...types, generateDefinitions()]
}

if (import.meta.main) {
  for (const file of await generateTypes()) {
    writeFileSync(file.path, file.text)
    console.log(`wrote ${file.path}`)
  }
}

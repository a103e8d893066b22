import * as fc from 'fast-check'

/** The parts of an OpenAPI schema, as in a CustomResourceDefinition, that values are made from. */
export interface Schema {
  readonly type?: string
  readonly format?: string
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string }[]
}

/** What is known of a value beyond its schema: by its path, such as `http.hosts[]` (`[]` an item, `{}` a key), or by the last word of it. */
export interface Knowledge {
  /** What the value is always one of. */
  readonly always: Readonly<Record<string, fc.Arbitrary<unknown>>>
  /** What the value mostly is one of; else whatever the schema lets through. */
  readonly mostly: Readonly<Record<string, fc.Arbitrary<unknown>>>
}

/** Most items of a list, and entries of a map. */
const mostItems = 3
/** Most characters of a text about which the schema says nothing. */
const mostCharacters = 24

/** Values that a schema lets through, as far as it says so by itself: what its CEL rules say of several fields is left to the API server. */
export function valuesOf(schema: Schema, path: string, knowledge: Knowledge): fc.Arbitrary<unknown> {
  const last = path.slice(path.lastIndexOf('.') + 1)
  const always = knowledge.always[path] ?? knowledge.always[last]
  if (always !== undefined) return always
  const mostly = knowledge.mostly[path] ?? knowledge.mostly[last]
  const any = anyOf(schema, path, knowledge)
  return mostly === undefined ? any : fc.oneof({ weight: 12, arbitrary: mostly }, { weight: 1, arbitrary: any })
}

function anyOf(schema: Schema, path: string, knowledge: Knowledge): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema['x-kubernetes-int-or-string'] === true) return fc.oneof(fc.nat({ max: 8 }), textsOf(schema))
  switch (schema.type) {
    case 'integer':
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 2 ** 31 - 1 })
    case 'array':
      return listsOf(schema, path, knowledge)
    case 'object':
      return objectsOf(schema, path, knowledge)
    default:
      return textsOf(schema)
  }
}

function listsOf({ items = {}, minItems = 0, maxItems = mostItems, ...schema }: Schema, path: string, knowledge: Knowledge) {
  const values = valuesOf(items, `${path}[]`, knowledge)
  const bounds = { minLength: minItems, maxLength: Math.min(maxItems, mostItems) }
  if (schema['x-kubernetes-list-type'] === 'atomic') return fc.array(values, bounds)
  const keys = schema['x-kubernetes-list-map-keys']
  const identity = (value: unknown) =>
    JSON.stringify(keys === undefined ? value : keys.map((key) => (value as Record<string, unknown>)[key]))
  return fc.uniqueArray(values, { ...bounds, selector: identity })
}

function objectsOf({ properties = {}, required = [], additionalProperties }: Schema, path: string, knowledge: Knowledge) {
  if (additionalProperties !== undefined) {
    const keys = valuesOf({ type: 'string' }, `${path}{}`, knowledge) as fc.Arbitrary<string>
    return fc.dictionary(keys, valuesOf(additionalProperties, `${path}{}value`, knowledge), { maxKeys: mostItems, noNullPrototype: true })
  }
  const fields = Object.entries(properties).map(([name, field]) => [name, valuesOf(field, join(path, name), knowledge)])
  return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys: [...required],
    noNullPrototype: true,
  })
}

/** Texts of a format, of a pattern, or of the pattern that a CEL rule of the field itself asks for. */
function textsOf({ format, pattern, minLength = 0, maxLength = mostCharacters, ...schema }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') {
    const range = { min: new Date('2020-01-01T00:00:00Z'), max: new Date('2099-01-01T00:00:00Z'), noInvalidDate: true }
    return fc.date(range).map((date) => date.toISOString())
  }
  const ruled = schema['x-kubernetes-validations']?.map(({ rule }) => /^self\.matches\('(.*?)'\)/.exec(rule)?.[1])
  const wanted = pattern ?? ruled?.find((found) => found !== undefined)
  if (wanted === undefined) return fc.string({ minLength, maxLength: Math.min(maxLength, Math.max(mostCharacters, minLength)) })
  return fc.stringMatching(new RegExp(wanted), { size: 'small' }).filter((text) => text.length >= minLength && text.length <= maxLength)
}

/** A field of a schema: where it is, and what it may hold. */
export interface Field {
  readonly path: string
  readonly schema: Schema
}

/** All fields and blocks of a schema, but for what is inside of lists and maps: these are replaced as a whole. */
export function fieldsOf({ properties = {} }: Schema, path = ''): readonly Field[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const at = join(path, name)
    return [{ path: at, schema }, ...fieldsOf(schema, at)]
  })
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

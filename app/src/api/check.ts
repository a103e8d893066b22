import type { z } from 'zod'
import { ApiProblem, type FieldProblem } from './problem.ts'

/** More are cut, so that an answer cannot be made to grow with the request. */
const maxFieldProblems = 20
const maxKeyLength = 50

/**
 * Checks a value against a schema of ours.
 *
 * @throws ApiProblem of `kind` that names the fields
 */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown, kind: 'bad-request' | 'invalid-fields'): z.output<Schema> {
  const result = schema.safeParse(value, { reportInput: true })
  if (result.success) return result.data
  throw new ApiProblem(kind, { errors: result.error.issues.flatMap(describe).slice(0, maxFieldProblems) })
}

function describe(issue: z.core.$ZodIssue): readonly FieldProblem[] {
  const field = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, maxFieldProblems).map((key) => ({ field: key.slice(0, maxKeyLength), message: 'is not known here' }))
  }
  if (issue.code === 'invalid_type') {
    return [{ field, message: issue.input === undefined ? 'is required' : `must be ${articleOf(issue.expected)}` }]
  }
  if (issue.code === 'invalid_value') return [{ field, message: `must be one of ${issue.values.map(String).join(', ')}` }]
  if (issue.code === 'too_small' || issue.code === 'too_big' || issue.code === 'invalid_union')
    return [{ field, message: 'is out of range' }]
  return [{ field, message: issue.message }]
}

function articleOf(type: string): string {
  if (type === 'int') return 'a whole number'
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`
}

/**
 * The query of a URL as a plain record.
 *
 * @throws ApiProblem `bad-request` for a parameter that occurs twice, or percent-encoding that is not UTF-8
 */
export function readQuery(search: string): Readonly<Record<string, string>> {
  if (search === '' || search === '?') return {}
  const record: Record<string, string> = Object.create(null) as Record<string, string>
  try {
    decodeURIComponent(search.replaceAll('+', ' '))
  } catch (cause) {
    throw new ApiProblem('bad-request', { detail: 'The query is not percent-encoded UTF-8.', cause })
  }
  for (const [name, value] of new URLSearchParams(search)) {
    if (name in record)
      throw new ApiProblem('bad-request', { errors: [{ field: name.slice(0, maxKeyLength), message: 'occurs more than once' }] })
    record[name] = value
  }
  return { ...record }
}

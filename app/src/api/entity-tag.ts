import { ApiProblem } from './problem.ts'

/** The strong entity tag of a version of an object; `kind` keeps the tags of a pad and a note apart. */
export function entityTag(kind: 'note' | 'pad', id: number, version: number): string {
  return `"${kind}-${id}-${version}"`
}

/** What a client asks of the present version: any, or one of a set of tags. */
type TagList = '*' | ReadonlySet<string>

/**
 * Reads `If-Match` or `If-None-Match` (RFC 9110, 13.1): `*`, or tags separated by commas.
 *
 * @throws ApiProblem `bad-request` when it is neither
 */
export function parseTags(header: string, name: string): TagList {
  const value = header.trim()
  if (value === '*') return '*'
  const tags = new Set<string>()
  const pattern = /\s*((?:W\/)?"[\x21\x23-\x7E\x80-\xFF]*")\s*(?:,|$)/gy
  while (pattern.lastIndex < value.length) {
    const tag = pattern.exec(value)?.[1]
    if (tag === undefined) throw new ApiProblem('bad-request', { detail: `${name} must be * or a list of entity tags.` })
    tags.add(tag)
  }
  if (tags.size === 0) throw new ApiProblem('bad-request', { detail: `${name} must be * or a list of entity tags.` })
  return tags
}

/**
 * Makes sure that a change is meant for the present version. Weak tags never match here (RFC 9110, 13.1.1).
 *
 * @throws ApiProblem `precondition-required` without the header, `precondition-failed` when another version was meant
 */
export function requireMatch(header: string | undefined, tag: string): void {
  if (header === undefined) {
    throw new ApiProblem('precondition-required', { detail: 'Send If-Match with the ETag of the version that you mean to change.' })
  }
  const wanted = parseTags(header, 'If-Match')
  if (wanted !== '*' && !wanted.has(tag)) {
    throw new ApiProblem('precondition-failed', {
      detail: 'Read it again and repeat the change on the newer version.',
      headers: { ETag: tag },
    })
  }
}

/** Whether the client already has this version (`If-None-Match`, compared weakly: RFC 9110, 13.1.2). */
export function isFresh(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false
  const known = parseTags(header, 'If-None-Match')
  return known === '*' || known.has(tag) || known.has(`W/${tag}`)
}

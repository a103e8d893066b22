import { hash } from 'node:crypto'

/** Deep equality of JSON values. An absent member equals one that is `undefined`, as it does on the wire. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => sameJson(item, b[index]))
  const left = a as Readonly<Record<string, unknown>>
  const right = b as Readonly<Record<string, unknown>>
  return (
    Object.keys(left).every((key) => sameJson(left[key], right[key])) &&
    Object.keys(right).every((key) => left[key] !== undefined || right[key] === undefined)
  )
}

/** JSON with members in the order of their names: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const members = value as Readonly<Record<string, unknown>>
  // Every pass does this for every child: no pairs, no lists of texts.
  let text = ''
  for (const name of Object.keys(members).toSorted()) {
    const member = members[name]
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(member)}`
  }
  return `{${text}}`
}

/** A short, stable name for a JSON value: the first 16 bytes of its SHA-256, as base64url. */
export function hashJson(value: unknown): string {
  return hash('sha256', canonicalJson(value), 'buffer').subarray(0, 16).toString('base64url')
}

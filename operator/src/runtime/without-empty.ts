/**
 * A value without the blocks and lists that hold nothing, at any depth; a block of blocks that all hold nothing goes with them. Items of a list stay,
 * whatever they hold: a list keyed by a field has none without it, and in any other the place of an item may count.
 *
 * Server-side apply gives an emptied block the value null, which the schema refuses (422), and takes an emptied list away; both come back as they were
 * sent if they were empty from the start. Left out, they are the same in all cases, and what is read equals what was written.
 *
 * @example withoutEmpty({ replicas: 0, backup: { oldest: undefined }, inventory: [] }) // { replicas: 0 }
 */
export function withoutEmpty(block: object): Readonly<Record<string, unknown>> {
  const members = Object.entries(block).flatMap(([name, value]: [string, unknown]) => {
    const kept = strip(value)
    return kept === undefined || isEmpty(kept) ? [] : [[name, kept] as const]
  })
  return Object.fromEntries(members)
}

function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip)
  return typeof value === 'object' && value !== null ? withoutEmpty(value) : value
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

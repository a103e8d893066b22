const segment = /^(?!\.{1,2}$)[A-Za-z0-9._@+=-]{1,200}$/

/**
 * Checks a key before it becomes part of a path or a request: segments of plain characters, none of them `.` or `..`.
 *
 * @throws RangeError for any other: a mistake of ours, never of a user
 */
export function checkKey(key: string): string {
  if (key.length > 900 || !key.split('/').every((part) => segment.test(part))) {
    throw new RangeError(`not a key of an archive: ${JSON.stringify(key)}`)
  }
  return key
}

/** A prefix without slashes at its ends; empty is none. @throws RangeError for one that is not made of keys' segments */
export function checkPrefix(prefix: string): string {
  const plain = prefix.replaceAll(/^\/+|\/+$/g, '')
  return plain === '' ? '' : checkKey(plain)
}

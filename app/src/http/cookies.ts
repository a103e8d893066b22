import type { IncomingMessage, ServerResponse } from 'node:http'

/** Reads and writes the app's own cookies. */
export interface Cookies {
  read(request: IncomingMessage, name: CookieName): string | undefined
  /** @param maxAgeSeconds absent: until the browser ends */
  write(response: ServerResponse, name: CookieName, value: string, maxAgeSeconds?: number): void
  clear(response: ServerResponse, name: CookieName): void
}

/** The cookies there are: the session's token, and what the next page says. */
export type CookieName = 'session' | 'flash'

/**
 * With `secure` the names carry `__Host-` and the cookies `Secure`, so that no sibling host and no plain connection can plant them (RFC 6265bis 4.1.3.2);
 * without it (a local http address) the names are plain, because browsers would drop them.
 */
export function createCookies(options: { readonly secure: boolean }): Cookies {
  const prefix = options.secure ? '__Host-notejam-' : 'notejam-'
  const suffix = `; Path=/; HttpOnly; SameSite=Lax${options.secure ? '; Secure' : ''}`
  const names = { session: `${prefix}session`, flash: `${prefix}flash` } as const
  return {
    read: (request, name) => find(request.headers.cookie, names[name]),
    write(response, name, value, maxAgeSeconds) {
      const age = maxAgeSeconds === undefined ? '' : `; Max-Age=${maxAgeSeconds}`
      response.appendHeader('Set-Cookie', `${names[name]}=${value}${age}${suffix}`)
    },
    clear(response, name) {
      response.appendHeader('Set-Cookie', `${names[name]}=; Max-Age=0${suffix}`)
    },
  }
}

/** The first cookie of that name; our values need no unquoting. */
function find(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  let from = 0
  while (from < header.length) {
    let end = header.indexOf(';', from)
    if (end === -1) end = header.length
    const equals = header.indexOf('=', from)
    if (equals !== -1 && equals < end && header.slice(from, equals).trim() === name) {
      return header.slice(equals + 1, end).trim()
    }
    from = end + 1
  }
  return undefined
}

import type { RequestHandler } from 'express'
import { BlockList, isIP } from 'node:net'
import type { Door } from './door.ts'

/** Addresses that only the inside of a cluster has: RFC 1918, RFC 4193, loopback. */
const inside = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8', 'fc00::/7', '::1']

/**
 * Lets only those in whose address lies in one of the ranges. Who asks is told by the proxies that are trusted. What comes without a proxy and from
 * inside (the Job that tries the pages, say) is let in: which pods that may be, is the network policy's affair.
 *
 * @param ranges addresses or networks; with none everybody is let in
 * @param protect sets the security headers
 * @returns nothing to be called where everybody is let in
 */
export function allowFrom(ranges: readonly string[], protect: Door['protect']): RequestHandler | undefined {
  if (ranges.length === 0) return undefined
  const allowed = listOf(ranges)
  const home = listOf(inside)
  return (request, response, next) => {
    const address = plain(request.ip ?? '')
    const isProxied = request.headers['x-forwarded-for'] !== undefined
    if (contains(allowed, address) || (!isProxied && contains(home, address))) {
      next()
      return
    }
    protect(response)
    response.statusCode = 403
    response.setHeader('Content-Type', 'text/plain; charset=utf-8')
    response.setHeader('Cache-Control', 'no-store')
    // What was not read would be taken for the next request.
    response.setHeader('Connection', 'close')
    response.end('This Notejam is not open to the address that you come from.\n')
  }
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const isV6 = isIP(address) === 6
    list.addSubnet(address, bits === undefined ? (isV6 ? 128 : 32) : Number(bits), isV6 ? 'ipv6' : 'ipv4')
  }
  return list
}

/** An IPv4 address in the form of IPv6, as a socket of both gives it, is the IPv4 address. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

function contains(list: BlockList, address: string): boolean {
  const version = isIP(address)
  return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

import { BlockList, isIP } from 'node:net'

/** Which proxy the environment asks for, by the rules of Go's `net/http/httpproxy`, so that the operator goes where kubectl would. */
export function findProxy(server: string, environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const url = new URL(server)
  const read = (name: string) => environment[name.toUpperCase()] || environment[name] || undefined
  const proxy = url.protocol === 'https:' ? read('https_proxy') : read('http_proxy')
  if (proxy === undefined || isExcluded(url, read('no_proxy') ?? '')) return undefined
  return proxy.includes('://') ? proxy : `http://${proxy}`
}

function isExcluded(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase()
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return true
  return list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .some((entry) => matches(entry, host, port))
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return inRange(entry, host)
  const [, name = entry, onlyPort] = isIP(entry) === 6 ? [] : (/^(.*?)(?::(\d+))?$/.exec(entry) ?? [])
  if (onlyPort !== undefined && onlyPort !== port) return false
  if (isIP(host) !== 0) return name === host
  const suffix = name.replace(/^\*(?=\.)/, '')
  return suffix.startsWith('.') ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`)
}

function inRange(range: string, host: string): boolean {
  const [address = '', bits = ''] = range.split('/')
  const family = isIP(host)
  if (family === 0 || isIP(address) !== family) return false
  const name = family === 4 ? 'ipv4' : 'ipv6'
  const block = new BlockList()
  block.addSubnet(address, Number(bits), name)
  return block.check(host, name)
}

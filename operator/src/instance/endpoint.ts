import { isIP } from 'node:net'

/** Where something listens that the pods connect to; no secret. */
export interface Endpoint {
  readonly port: number
  /** Only where the host is a literal address: a name resolves to another one tomorrow. */
  readonly address?: string
}

const standardPorts: Readonly<Record<string, number>> = {
  'postgres:': 5432,
  'postgresql:': 5432,
  'mysql:': 3306,
  'mariadb:': 3306,
  'smtp:': 587,
  'smtps:': 465,
}

/** The endpoint that a URL names; undefined for what is no URL of a known scheme. */
export function endpointOfURL(url: string): Endpoint | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, hostname, port } = new URL(url)
  const standard = standardPorts[protocol]
  return standard === undefined ? undefined : endpointOf(hostname.replaceAll(/^\[|\]$/g, ''), port === '' ? standard : Number(port))
}

/** The endpoint of a host and a port. */
export function endpointOf(host: string, port: number): Endpoint {
  return isIP(host) === 0 ? { port } : { port, address: host }
}

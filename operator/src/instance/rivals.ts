import type { NotejamInstance } from '../api/notejam.ts'
import type { KubeObject } from '../kube/object.ts'
import type { Stall } from './release/types.ts'

/** What is known of an instance when it is held against others. */
export interface Contender {
  readonly instance: NotejamInstance
  /** Hash of the database's address, as far as known. */
  readonly address: string | undefined
  /** Hosts that an Ingress of its already serves. */
  readonly servedHosts: readonly string[]
}

interface Door extends KubeObject {
  readonly spec?: { readonly rules?: readonly { readonly host?: string }[]; readonly hostnames?: readonly string[] }
}

/** Hosts of an Ingress or an HTTPRoute. */
export function hostsOf(door: Door): readonly string[] {
  const { rules = [], hostnames = [] } = door.spec ?? {}
  return [...hostnames, ...rules.flatMap(({ host }) => (host === undefined ? [] : [host]))]
}

/**
 * Finds what another instance has already: its database, its volume, or one of its hosts. Who holds it keeps it; where nobody does, the older has it.
 * Asked before anything is touched; the mark in the database says the same later, but not of hosts.
 */
export function findRival(own: Contender, others: readonly Contender[]): Stall | undefined {
  const hosts = wantedHosts(own.instance)
  for (const other of others) {
    if (sharesDatabase(own, other) && yields(own, other, (contender) => contender.instance.status?.databaseIdentity !== undefined)) {
      return {
        reason: 'DatabaseConflict',
        message: `${nameOf(other)} uses the same database. Give each instance one of its own (another name on the same server will do)`,
      }
    }
    const host = hosts.find((wanted) => wantedHosts(other.instance).includes(wanted) || other.servedHosts.includes(wanted))
    if (host !== undefined && yields(own, other, ({ servedHosts }) => servedHosts.includes(host))) {
      return {
        reason: 'HostConflict',
        message: `${nameOf(other)} is reached at ${host}. Give this instance another host in spec.http.hosts`,
      }
    }
  }
  return undefined
}

/** Hosts at which an instance wants to be reached by an Ingress or an HTTPRoute. */
export function wantedHosts({ spec }: NotejamInstance): readonly string[] {
  const { ingress, gateway, hosts = [] } = spec.http ?? {}
  return ingress === undefined && gateway === undefined ? [] : hosts
}

function sharesDatabase(own: Contender, other: Contender): boolean {
  if (own.address !== undefined && own.address === other.address) return true
  if (own.instance.metadata.namespace !== other.instance.metadata.namespace) return false
  const [mine, theirs] = [own.instance.spec.database, other.instance.spec.database]
  const claim = mine.sqlite?.storage.existingClaim
  const secret = mine.external?.secretRef.name
  return (
    (claim !== undefined && claim === theirs.sqlite?.storage.existingClaim) ||
    (secret !== undefined && secret === theirs.external?.secretRef.name)
  )
}

function yields(own: Contender, other: Contender, holds: (contender: Contender) => boolean): boolean {
  if (holds(own) !== holds(other)) return holds(other)
  return ageOf(other.instance) < ageOf(own.instance)
}

/** Sorts by age; the UID decides between two of the same second. */
function ageOf({ metadata }: NotejamInstance): string {
  return `${metadata.creationTimestamp ?? ''}/${metadata.uid ?? ''}`
}

function nameOf({ instance: { metadata } }: Contender): string {
  return `NotejamInstance ${metadata.namespace ?? ''}/${metadata.name}`
}

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withLock } from './cache-lock.ts'
import { clusterFolder, MAX_SLOTS } from './cluster-layout.ts'
import { ClusterError } from './errors.ts'
import type { ProcessRecord } from './process-record.ts'
import { stateFolder } from './state-folder.ts'

/** All add-ons, in the order in which they start. */
export const ADDONS = ['dns', 'storage', 'registry', 'ingress', 'metrics'] as const

/** An add-on of a cluster. */
export type Addon = (typeof ADDONS)[number]

/** What is known about one cluster from one command to the next: `cluster.json` in its state folder. */
export interface ClusterRecord {
  readonly name: string
  readonly slot: number
  /** `starting` until everything was ready once; a run that ended before that left something to be cleaned. */
  readonly phase: 'starting' | 'ready'
  readonly nodes: number
  readonly addons: readonly Addon[]
  readonly etcdPort: number
  readonly etcdPeerPort: number
  /** Port on 127.0.0.1 that reaches the Ingress controller. */
  readonly ingressPort: number
  /** Port of the registry, on the host's loopback and on the bridge. */
  readonly registryPort: number
  readonly created: string
  /** The process that ends with this cluster, for clusters that tests start; absent for a person's. */
  readonly owner?: ProcessRecord
}

const recordPath = (name: string): string => join(clusterFolder(name), 'cluster.json')

/** The record of a cluster, or `undefined` if there is none (or a damaged one, which names nothing that could be kept). */
export function readRecord(name: string): ClusterRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordPath(name), 'utf8')) as ClusterRecord
  } catch {
    return undefined
  }
}

/** Writes the record, whole or not at all. */
export function writeRecord(record: ClusterRecord): void {
  mkdirSync(clusterFolder(record.name), { recursive: true })
  const path = recordPath(record.name)
  writeFileSync(`${path}.new`, `${JSON.stringify(record, undefined, 2)}\n`)
  renameSync(`${path}.new`, path)
}

/** Names of all clusters that have a state folder. */
export function clusterNames(): readonly string[] {
  const root = join(stateFolder(), 'clusters')
  return existsSync(root) ? readdirSync(root).toSorted() : []
}

/** The person's cluster has slot 0 and the tests' one slot 1, if they are free, so that addresses look the same every day. */
const PREFERRED: Readonly<Record<string, number>> = { notejam: 0, test: 1 }

/** The first free slot for a new cluster, given those in use. Pure. */
export function chooseSlot(name: string, taken: ReadonlySet<number>): number {
  const reserved = new Set(Object.values(PREFERRED))
  const all = Array.from({ length: MAX_SLOTS }, (_, slot) => slot)
  const candidates = [PREFERRED[name], ...all.filter((slot) => !reserved.has(slot)), ...reserved]
  const slot = candidates.find((candidate) => candidate !== undefined && !taken.has(candidate))
  if (slot === undefined)
    throw new ClusterError(
      'Busy',
      `all ${MAX_SLOTS} clusters of this machine are taken: see "status --all" and end one with "down --name NAME"`,
    )
  return slot
}

/** Makes the record of a new cluster under a slot that nobody else gets. */
export async function createRecord(make: (slot: number) => Promise<ClusterRecord>, name: string): Promise<ClusterRecord> {
  return await withLock('cluster-slots', {}, async () => {
    const taken = new Set(clusterNames().flatMap((other) => (other === name ? [] : [readRecord(other)?.slot ?? []].flat())))
    const record = await make(chooseSlot(name, taken))
    writeRecord(record)
    return record
  })
}

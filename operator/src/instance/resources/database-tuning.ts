import { parseQuantity } from '../../api/quantity.ts'
import type { ServerEngine } from './database-scripts.ts'

/** What a server is tuned for. */
export interface TuningInput {
  readonly engine: ServerEngine
  /** Memory that its container may use, as Kubernetes writes it. */
  readonly memory: string
  /** Size of its volume. */
  readonly storage: string
}

/** Settings of a server as arguments, and how many connections it takes from the app and its Jobs. */
export interface Tuning {
  readonly args: readonly string[]
  readonly connections: number
}

/** Connections beyond those of the app: PostgreSQL keeps three for its superuser, MariaDB one. */
const reservedConnections = 3
const fewestConnections = 10
const mostConnections = 1000
const mebi = 2 ** 20
/** What a volume and a container are taken for whose size cannot be read. */
const fallback = 512 * mebi

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, Math.floor(value)))
}

/**
 * Tunes a server for its memory and its volume. PostgreSQL: a quarter for shared buffers (its manual, 20.4.1), 6 MiB for each session, what is left over
 * for sorts. MariaDB: two fifths for the buffer pool, 96 MiB for itself, 3 MiB for each session. Logs of writes take an eighth of the volume at most,
 * so that a small one is not filled by them.
 */
export function tuneServer({ engine, memory, storage }: TuningInput): Tuning {
  const room = (parseQuantity(memory) ?? fallback) / mebi
  const volume = (parseQuantity(storage) ?? fallback) / mebi
  return engine === 'PostgreSQL' ? tunePostgres(room, volume) : tuneMariadb(room, volume)
}

function tunePostgres(room: number, volume: number): Tuning {
  const shared = clamp(room / 4, 16, 8192)
  const connections = clamp((room - shared - 32) / 6, fewestConnections, mostConnections)
  const settings: Readonly<Record<string, string>> = {
    shared_buffers: `${shared}MB`,
    effective_cache_size: `${clamp(room / 2, 32, 1_048_576)}MB`,
    work_mem: `${clamp((room - shared) / (2 * connections), 1, 64)}MB`,
    maintenance_work_mem: `${clamp(room / 16, 16, 1024)}MB`,
    max_connections: String(connections + reservedConnections),
    min_wal_size: '32MB',
    max_wal_size: `${clamp(volume / 8, 64, 1024)}MB`,
    // Workers would talk through /dev/shm, which is small in a container.
    max_parallel_workers_per_gather: '0',
  }
  return { args: Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]), connections }
}

function tuneMariadb(room: number, volume: number): Tuning {
  const pool = clamp((room * 2) / 5, 32, 65_536)
  const connections = clamp((room - pool - 96) / 3, fewestConnections, mostConnections)
  const settings: Readonly<Record<string, string>> = {
    'innodb-buffer-pool-size': `${pool}M`,
    'innodb-log-file-size': `${clamp(volume / 8, 16, 96)}M`,
    'aria-pagecache-buffer-size': '16M',
    'key-buffer-size': '1M',
    'max-connections': String(connections + reservedConnections),
  }
  return { args: Object.entries(settings).map(([name, value]) => `--${name}=${value}`), connections }
}

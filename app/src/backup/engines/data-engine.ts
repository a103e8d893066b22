import type { Kysely } from 'kysely'
import type { Manifest } from '../../archive/manifest.ts'
import type { DatabaseConfig } from '../../db/database-config.ts'
import type { OpenDatabase } from '../../db/open-database.ts'
import type { Database, IdentityTable } from '../../db/schema.ts'
import type { ErasePlan } from '../erase-plan.ts'
import type { TableSum } from '../row-hash.ts'
import type { Scratch } from '../scratch.ts'

/** What an engine needs to work on one database. */
export interface EngineContext {
  readonly config: DatabaseConfig
  readonly database: OpenDatabase
  /** The connection that holds the database lock. */
  readonly db: Kysely<Database>
  readonly scratch: Scratch
  readonly signal: AbortSignal
}

/** What {@link DataEngine.withSnapshot} needs. */
export interface SnapshotOptions extends EngineContext {
  /** Names of the tables that go into the archive. */
  readonly tables: readonly string[]
}

/** One consistent state of the tables. */
export interface Snapshot {
  readonly engineVersion: string
  /** The schema of the server that the tables are in; PostgreSQL only. */
  readonly databaseSchema?: string
  /** The dump by the engine's own tool, to be read once. */
  readonly content: AsyncIterable<Uint8Array>
  /** Row counts and hashes of the same state; call it when the content was read to its end. */
  sums(): Promise<readonly TableSum[]>
}

/** What {@link DataEngine.load} needs. */
export interface LoadOptions extends EngineContext {
  readonly manifest: Pick<Manifest, 'tables' | 'databaseSchema'>
  /** What {@link Snapshot.content} was. */
  readonly content: AsyncIterable<Uint8Array>
  /** The row of the target, which it keeps. */
  readonly identity: Readonly<IdentityTable>
  /** Tables of the target that the archive takes the place of. */
  readonly replaced: readonly string[]
  readonly erase: ErasePlan
  /** Told when everything is loaded and checked, before the switch. */
  readonly onLoaded: () => void
}

/** Dump and load of one engine. */
export interface DataEngine {
  readonly format: Manifest['format']
  withSnapshot<T>(options: SnapshotOptions, work: (snapshot: Snapshot) => Promise<T>): Promise<T>
  /**
   * Puts an archive in the place of the tables that are there: all or nothing. Counts and hashes are compared before the switch, and what is wrong
   * with the content is thrown before anything that is served was changed.
   *
   * @returns how many accounts were erased again
   */
  load(options: LoadOptions): Promise<number>
}

import type { Engine } from './engine.ts'
import type { Ledger } from './ledger.ts'
import { migrationHash, type Migration, type Phase } from './migrations/migration.ts'

/** What is to be done to bring a schema forward. */
export type MigrationPlan =
  | { readonly kind: 'Apply'; readonly migrations: readonly Migration[] }
  | { readonly kind: 'NothingToDo' }
  /** The schema is newer than this code and still serves it. */
  | { readonly kind: 'AheadCompatible' }
  /** The schema no longer serves this code. */
  | { readonly kind: 'ContractedPast' }
  /** What was applied is not what this code holds. */
  | { readonly kind: 'Drifted'; readonly details: readonly string[] }
  /** A contract step of an earlier release is missing that an expand step of this one builds on. */
  | { readonly kind: 'ContractFirst'; readonly contract: Migration }

/** What a plan is made from. */
export interface PlanInput {
  readonly engine: Engine
  readonly known: readonly Migration[]
  readonly ledger: Pick<Ledger, 'applied' | 'oldestCodeServed'>
  readonly phase: Phase
  /** No code serves from this database now (it was just restored, or everything is at zero): contract steps on the way may be taken. */
  readonly offline?: boolean
}

/**
 * Decides what `migrate` does; pure.
 *
 * Expand takes every missing expand step. Contract takes missing contract steps up to the first missing expand step: what stands behind that
 * belongs to the release that is about to come, whose code does not run yet. An empty database, and any when no code serves from it, takes the
 * steps in order, whatever their phase, up to the last expand.
 */
export function planMigration({ engine, known, ledger, phase, offline = false }: PlanInput): MigrationPlan {
  const codeLevel = known.length
  const { applied, oldestCodeServed } = ledger
  const details = drift({ engine, known, ledger, phase })
  if (applied.some(({ number }) => number > codeLevel)) {
    return oldestCodeServed > codeLevel
      ? { kind: 'ContractedPast' }
      : details.length > 0
        ? { kind: 'Drifted', details }
        : { kind: 'AheadCompatible' }
  }
  if (details.length > 0) {
    return { kind: 'Drifted', details }
  }
  const done = new Set(applied.filter((row) => row.applied_at > 0).map(({ number }) => number))
  const missing = known.filter(({ number }) => !done.has(number))
  const inOrder = offline || done.size === 0
  const chosen = phase === 'expand' ? expandSteps(missing, inOrder) : contractSteps(missing)
  if (phase === 'expand' && !inOrder) {
    const last = chosen.at(-1)
    const contract = missing.find((migration) => migration.phase === 'contract' && last !== undefined && migration.number < last.number)
    if (contract !== undefined) {
      return { kind: 'ContractFirst', contract }
    }
  }
  return chosen.length === 0 ? { kind: 'NothingToDo' } : { kind: 'Apply', migrations: chosen }
}

function expandSteps(missing: readonly Migration[], inOrder: boolean): readonly Migration[] {
  const lastExpand = missing.findLast(({ phase }) => phase === 'expand')
  if (lastExpand === undefined) {
    return []
  }
  return missing.filter(({ number, phase }) => phase === 'expand' || (inOrder && number < lastExpand.number))
}

function contractSteps(missing: readonly Migration[]): readonly Migration[] {
  const firstExpand = missing.findIndex(({ phase }) => phase === 'expand')
  return firstExpand === -1 ? missing : missing.slice(0, firstExpand)
}

function drift({ engine, known, ledger: { applied } }: PlanInput): string[] {
  const byNumber = new Map(known.map((migration) => [migration.number, migration]))
  const newest = Math.max(0, ...applied.filter((row) => row.applied_at > 0).map(({ number }) => number))
  const present = new Set(applied.map(({ number }) => number))
  const changed = applied.flatMap((row) => {
    const migration = byNumber.get(row.number)
    // One that was cut off may be finished by a corrected image.
    if (migration === undefined || row.applied_at === 0 || migrationHash(engine, migration) === row.hash) {
      return []
    }
    return [`migration ${row.number} was applied as ${row.name} with hash ${row.hash.slice(0, 12)}, but this image holds another one`]
  })
  // A contract step may be skipped for a while; an expand step that is missing under newer ones never ran.
  const holes = known
    .filter(({ number, phase }) => phase === 'expand' && number < newest && !present.has(number))
    .map(({ number, name }) => `migration ${number} (${name}) is missing although newer ones were applied`)
  return [...changed, ...holes]
}

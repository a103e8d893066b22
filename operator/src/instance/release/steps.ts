import type { Operation } from '../../api/notejam.ts'
import type { Draft, Step, Strategy } from './types.ts'

/** What the Job of a step does; it is part of the Job's name. */
export type Phase = 'inspect' | 'contract' | 'wipe' | 'expand' | 'rehearse' | 'restore' | 'seed' | 'smoke' | 'verify'

/** The Job of each step; steps that are not here have none. */
const phases: Partial<Readonly<Record<Step, Phase>>> = {
  Inspecting: 'inspect',
  Rehearsing: 'rehearse',
  Contracting: 'contract',
  Wiping: 'wipe',
  Migrating: 'expand',
  Withdrawing: 'expand',
  Restoring: 'restore',
  Seeding: 'seed',
  Smoking: 'smoke',
  Verifying: 'verify',
}

/** What the Job of a step does; undefined for a step without one. */
export function phaseOf(step: Step | undefined): Phase | undefined {
  return step === undefined ? undefined : phases[step]
}

/**
 * The steps of each strategy, in order. Wipe first proves on the serving instance that the image can be pulled and reads the mark of the database;
 * the strategies that keep data begin with what the release before left behind. Where Upgrade is to begin with a masked copy, it looks first whether there
 * are accounts: a copy takes the place of what is there. Where Upgrade has a store, it looks whether the schema changes: then it backs up, and tries the
 * migration on that archive before the database itself is touched.
 */
export const sequences: Readonly<Record<Strategy, readonly Step[]>> = {
  Wipe: ['Restoring', 'Inspecting', 'Stopping', 'Wiping', 'Migrating', 'Seeding', 'RollingOut'],
  Upgrade: ['Restoring', 'Inspecting', 'BackingUp', 'Rehearsing', 'Contracting', 'Migrating', 'Seeding', 'RollingOut', 'Verifying'],
  BackupThenMigrate: ['Restoring', 'Inspecting', 'BackingUp', 'Contracting', 'Migrating', 'Smoking', 'RollingOut'],
}

/** Whether an operation has to take a step, from what is known when the step before it is proven. */
const isNeeded: Readonly<Record<Step, (draft: Draft, operation: Operation) => boolean>> = {
  // At the very first contact there is nothing to wipe, and migrate itself refuses a database that is not empty and not ours.
  Inspecting: (draft, operation) => {
    const strategy = strategyOf(draft, operation)
    if (strategy === 'Upgrade') {
      return isFirst(draft) ? draft.policy.seedsCopy === true && draft.policy.bootstraps !== true : draft.backup.type !== 'Unavailable'
    }
    return strategy === 'BackupThenMigrate' || (draft.release.counter ?? 0) > 1 || draft.identity !== undefined
  },
  Stopping: ({ appGone }) => !appGone,
  Wiping: ({ identity, policy }) => identity !== undefined && policy.bootstraps !== true,
  BackingUp: (draft, operation) =>
    addsSteps(operation) && (strategyOf(draft, operation) !== 'Upgrade' || (!isFirst(draft) && draft.backup.type !== 'Unavailable')),
  Rehearsing: (draft, operation) =>
    addsSteps(operation) && !isFirst(draft) && draft.backup.type !== 'Unavailable' && draft.policy.rehearsal === true,
  // Where a backup is wanted before the schema is changed, an image that adds nothing leaves all of it as it is.
  Contracting: (draft, operation) =>
    (draft.release.current?.pendingContract ?? 0) > 0 && (strategyOf(draft, operation) !== 'BackupThenMigrate' || addsSteps(operation)),
  Migrating: () => true,
  Withdrawing: () => false,
  Restoring: ({ policy }) => policy.bootstraps === true,
  Seeding: (draft, operation) =>
    draft.policy.seeds &&
    draft.policy.bootstraps !== true &&
    (strategyOf(draft, operation) === 'Wipe' || (isFirst(draft) && !(draft.policy.seedsCopy === true && holdsAccounts(operation)))),
  Smoking: ({ release, wantsPods }) => release.current !== undefined && wantsPods,
  RollingOut: () => true,
  Verifying: ({ release, wantsPods }) => release.current !== undefined && wantsPods,
  RollingBack: () => false,
}

function isFirst({ release }: Draft): boolean {
  return release.current === undefined
}

/** Whether the database held somebody's accounts when the release began: nothing takes their place. */
function holdsAccounts({ inspected }: Operation): boolean {
  return (inspected?.accounts ?? 0) > 0
}

function addsSteps({ inspected }: Operation): boolean {
  return inspected?.database === 'Ours' && (inspected.pending ?? 0) > 0
}

/** The strategy that an operation began with; an entry of an older journal had none to write. */
export function strategyOf({ policy }: Draft, operation: Operation): Strategy {
  return operation.strategy ?? policy.strategy
}

/**
 * The step that follows; undefined when the operation is through.
 *
 * @param after - the step that is proven; undefined at the beginning
 */
export function nextStep(draft: Draft, operation: Operation, after: Step | undefined): Step | undefined {
  const sequence = sequences[strategyOf(draft, operation)]
  return sequence.slice(after === undefined ? 0 : sequence.indexOf(after) + 1).find((step) => isNeeded[step](draft, operation))
}

/** Whether the journal's step is one that this planner would take: an operator that knew more may have written another. */
export function isKnownStep(draft: Draft, operation: Operation): boolean {
  const { step } = operation
  return step === 'Withdrawing' || step === 'RollingBack' || sequences[strategyOf(draft, operation)].includes(step)
}

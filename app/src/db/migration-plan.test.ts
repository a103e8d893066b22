import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { planMigration } from './migration-plan.ts'
import { migrations } from './migrations/all.ts'
import { migrationHash, type Migration, type Phase } from './migrations/migration.ts'

function made(phases: readonly Phase[]): Migration[] {
  return phases.map((phase, index) => ({
    number: index + 1,
    name: `step-${index + 1}`,
    phase,
    transaction: true,
    steps: [{ sql: `create table t${index}` }],
    ...(phase === 'contract' ? { oldestCodeServed: index } : {}),
  }))
}

function rowsOf(applied: readonly Migration[]) {
  return applied.map((migration) => ({
    number: migration.number,
    name: migration.name,
    phase: migration.phase,
    hash: migrationHash('sqlite', migration),
    applied_at: 1,
    duration_ms: 0,
    tables_created: '',
  }))
}

function plan(known: readonly Migration[], applied: readonly Migration[], phase: Phase, oldestCodeServed = 1) {
  return planMigration({ engine: 'sqlite', known, phase, ledger: { applied: rowsOf(applied), oldestCodeServed } })
}

const [e1, e2, c3, e4, c5] = made(['expand', 'expand', 'contract', 'expand', 'contract']) as [
  Migration,
  Migration,
  Migration,
  Migration,
  Migration,
]
const all = [e1, e2, c3, e4, c5]

describe('the plan of a migration', () => {
  test.each([
    ['an empty database takes everything up to the last expand step', all, [], 'expand', [1, 2, 3, 4]],
    ['and with the first release only its expand steps', [e1, e2, c3], [], 'expand', [1, 2]],
    ['contract takes what the release before left', all, [e1, e2], 'contract', [3]],
    ['then expand takes its own', all, [e1, e2, c3], 'expand', [4]],
    ['then contract its own', all, [e1, e2, c3, e4], 'contract', [5]],
    ['contract never goes past a missing expand step', all, [e1], 'contract', []],
  ] as const)('%s', (_what, known, applied, phase, numbers) => {
    const result = plan(known, applied, phase)

    expect(result.kind === 'Apply' ? result.migrations.map(({ number }) => number) : []).toEqual(numbers)
  })

  test.each([
    ['an expand step behind a missing contract step', all, [e1, e2], 'expand', 1, 'ContractFirst'],
    ['nothing is missing', all, all, 'expand', 3, 'NothingToDo'],
    ['newer, and still serves', [e1, e2], [e1, e2, c3, e4], 'expand', 2, 'AheadCompatible'],
    ['newer, and no longer serves', [e1], [e1, e2, c3], 'expand', 2, 'ContractedPast'],
    ['an expand step is missing under newer ones', all, [e1, c3, e4], 'expand', 2, 'Drifted'],
    ['a step that was changed', all, [{ ...e1, name: 'other' }, e2], 'expand', 1, 'Drifted'],
    ['a step that was changed, under a newer schema', [e1, e2], [{ ...e1, name: 'other' }, e2, c3], 'expand', 2, 'Drifted'],
  ] as const)('%s: %j', (_what, known, applied, phase, oldest, kind) => {
    expect(plan(known, applied, phase, oldest).kind).toBe(kind)
  })

  test('a jump over a release is refused while code serves, and possible while none does', () => {
    const input = { engine: 'sqlite', known: all, phase: 'expand', ledger: { applied: rowsOf([e1]), oldestCodeServed: 1 } } as const

    expect(planMigration(input).kind).toBe('ContractFirst')
    expect(planMigration({ ...input, offline: true })).toEqual({ kind: 'Apply', migrations: [e2, c3, e4] })
  })

  test('release by release, contract then expand takes every step once and in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ expands: fc.nat({ max: 2 }), contracts: fc.nat({ max: 2 }) }), { minLength: 1, maxLength: 6 }),
        (releases) => {
          const known = made(
            releases.flatMap(({ expands, contracts }) => [
              ...Array<Phase>(expands + 1).fill('expand'),
              ...Array<Phase>(contracts).fill('contract'),
            ]),
          )
          const done: Migration[] = []
          let size = 0
          for (const { expands, contracts } of releases) {
            size += expands + 1 + contracts
            for (const phase of ['contract', 'expand'] as const) {
              const step = plan(known.slice(0, size), done, phase)
              done.push(...(step.kind === 'Apply' ? step.migrations : []))
            }
          }

          expect(done.map(({ number }) => number)).toEqual(Array.from({ length: done.length }, (_, index) => index + 1))
          expect(done.filter(({ phase }) => phase === 'expand')).toEqual(known.filter(({ phase }) => phase === 'expand'))
        },
      ),
    )
  })

  test('the first release holds two expand steps and one contract step', () => {
    expect(migrations.map(({ phase }) => phase)).toEqual(['expand', 'expand', 'contract'])
    expect(migrations.map(({ number }) => number)).toEqual([1, 2, 3])
  })

  test.each([
    ['sqlite', ['505c4a7d827d', 'a770c3650b77', 'cb95252b05c2']],
    ['postgres', ['bc71eaff7c5b', 'a45ead76857d', '434f266a18e5']],
    ['mysql', ['ea309a1e1def', '2ebc91809616', '02642d03bd85']],
  ] as const)('released migrations do not change on %s', (engine, hashes) => {
    expect(migrations.map((migration) => migrationHash(engine, migration).slice(0, 12))).toEqual(hashes)
  })
})

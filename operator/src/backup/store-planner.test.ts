import { describe, expect, it } from 'vitest'
import type { NotejamBackupStore, NotejamInstance } from '../api/notejam.ts'
import type { Job, Pod } from '../api/objects.ts'
import { metaTime } from '../runtime/conditions.ts'
import { readRun } from './run-state.ts'
import { storeStatus, type StoreUser } from './store-planner.ts'

const now = Date.parse('2026-11-22T05:10:00Z')
const spec = {
  backup: { storeRef: { name: 'offsite' }, maskedCopies: [{ name: 'test', storeRef: { name: 'for-test' }, recipients: ['age1'] }] },
}
const instance = { metadata: { name: 'notes' }, spec } as unknown as NotejamInstance
const storeOf = (name: string, status?: NotejamBackupStore['status']) =>
  ({ metadata: { name, generation: 1 }, spec: { encryption: {} }, status }) as unknown as NotejamBackupStore

interface End {
  readonly exitCode: number
  readonly message?: string
}

/** A run of the masked copy: what became of it, and of letting old ones go after it. */
function copied(minute: number, mask: End, prune?: End): StoreUser['runs'][number] {
  const ends = [mask, prune].filter((end) => end !== undefined)
  const type = ends.every(({ exitCode }) => exitCode === 0) ? 'Complete' : 'Failed'
  const job = { metadata: { name: 'copy' }, status: { conditions: [{ type, status: 'True' }] } } as unknown as Job
  const stateOf = (name: string, terminated: End) => ({ name, state: { terminated } })
  const status = {
    initContainerStatuses: [stateOf('mask', mask)],
    containerStatuses: prune === undefined ? [] : [stateOf('prune', prune)],
  }
  return { time: metaTime(now + minute * 60_000), run: readRun(job, [{ metadata: {}, status } as unknown as Pod], 'mask') }
}

function readyOf(store: NotejamBackupStore, runs: StoreUser['runs']) {
  const { conditions = [] } = storeStatus({ store, missing: undefined, users: [{ instance, runs }], now })
  const [ready] = conditions
  return [ready?.status, ready?.reason, ready?.message]
}

describe('a store of masked copies', () => {
  const slow = JSON.stringify({
    outcome: 'StoreUnavailable',
    message: 'store for-test (https://s3.example.org, bucket copies): 503 (SlowDown)',
  })
  const failed = copied(0, { exitCode: 7, message: slow })

  it('says that it failed, and what it answered', () => {
    expect(readyOf(storeOf('for-test'), [failed])).toEqual(['False', 'StoreUnavailable', expect.stringContaining('503 (SlowDown)')])
  })

  it('is usable again after the next good copy, whatever became of letting old ones go', () => {
    const pruned = copied(1, { exitCode: 0 }, { exitCode: 1, message: '{"outcome":"Failed"}' })

    expect(readyOf(storeOf('for-test'), [failed, pruned]).slice(0, 2)).toEqual(['True', 'Usable'])
  })

  it('says nothing of a copy that failed by itself', () => {
    const unclassified = copied(1, { exitCode: 1, message: '{"outcome":"Unclassified","message":"notes.secret is not classified"}' })

    expect(readyOf(storeOf('for-test'), [unclassified]).slice(0, 2)).toEqual(['True', 'Usable'])
  })
})

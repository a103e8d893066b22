import { describe, expect, it } from 'vitest'
import type { NotejamInstance } from '../api/notejam.ts'
import type { Job, Pod } from '../api/objects.ts'
import { runAnnotation } from './resources/data-pod.ts'
import { copyAnnotation } from './resources/mask-cron-job.ts'
import { readRun } from './run-state.ts'
import { toldStore } from './told-store.ts'

const maskedCopies = [{ name: 'test', storeRef: { name: 'off' }, recipients: ['age1'] }]
const spec = { backup: { storeRef: { name: 'offsite' }, maskedCopies }, seed: { from: { storeRef: { name: 'from-prod' } } } }
const instance = { spec } as unknown as NotejamInstance

/** A Job that has ended, and its pod. */
function runOf(
  container: string,
  annotations: Readonly<Record<string, string>>,
  terminated: { readonly exitCode: number; readonly message?: string },
) {
  const type = terminated.exitCode === 0 ? 'Complete' : 'Failed'
  const metadata = { name: 'notes-run', annotations: { [runAnnotation]: container, ...annotations } }
  const job = { metadata, status: { conditions: [{ type, status: 'True' }] } } as unknown as Job
  const pod = { metadata: {}, status: { containerStatuses: [{ name: container, state: { terminated } }] } } as unknown as Pod
  return { job, run: readRun(job, [pod], container) }
}

const copy = { [copyAnnotation]: 'test' }
const failed = (exitCode: number, message: string) => ({ exitCode, message: JSON.stringify({ outcome: 'Failed', message }) })

describe('the store that a run tells of', () => {
  it.each([
    ['a backup', 'backup', {}, { exitCode: 0 }, 'offsite'],
    ['a seed', 'seed', {}, { exitCode: 0 }, 'from-prod'],
    ['a masked copy', 'mask', copy, { exitCode: 0 }, 'off'],
    ['a masked copy whose source failed', 'mask', copy, failed(7, 'store offsite (s3://archives): 503'), 'offsite'],
    ['a masked copy whose target failed', 'mask', copy, failed(7, 'store off (s3://copies/offsite): 503'), 'off'],
    ['a masked copy that failed of itself', 'mask', copy, failed(1, 'notes.secret is not classified; off we go'), undefined],
    ['a backup that says no store', 'backup', {}, failed(7, 'the store said 503'), 'offsite'],
    ['a backup whose second store ended it', 'backup', {}, failed(7, 'store second (/backups): no space'), 'second'],
    ['a run without a last word', 'mask', copy, { exitCode: 137 }, undefined],
  ])('%s', (_what, container, annotations, terminated, expected) => {
    const { job, run } = runOf(container, annotations, terminated)

    expect(toldStore(instance, job, run)).toBe(expected)
  })
})

import { describe, expect, it } from 'vitest'
import type { ContainerStatus, Job, Pod } from '../api/objects.ts'
import { readJobState } from './job-state.ts'

const job = (...conditions: readonly [type: string, reason?: string][]): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'notes-r1-expand' },
  spec: { template: { spec: { containers: [] } } },
  status: { conditions: conditions.map(([type, reason = '']) => ({ type, reason, status: 'True', message: 'the message' })) },
})

const pod = (status: Partial<ContainerStatus>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'notes-r1-expand-x' },
  spec: { containers: [] },
  status: { containerStatuses: [{ name: 'migrate', ...status }] },
})

const ended = (exitCode: number, message = '', finishedAt = '2026-01-01T00:00:00Z') =>
  pod({
    imageID: `r.example/notejam@sha256:${'a'.repeat(64)}`,
    state: { terminated: { exitCode, message, finishedAt, reason: exitCode === 137 ? 'OOMKilled' : 'Error' } },
  })

describe('readJobState', () => {
  it.each<[string, Job | undefined, readonly Pod[], object]>([
    ['no Job', undefined, [], { type: 'Absent' }],
    ['no pod yet', job(), [], { type: 'Pending' }],
    [
      'a pod that waits for its image',
      job(),
      [
        pod({
          image: 'i',
          state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "i": ErrImagePull: not found' } },
        }),
      ],
      { type: 'Pending', problem: { kind: 'ImagePull', message: 'Pod notes-r1-expand-x cannot pull i: not found' } },
    ],
    [
      'a container that may not start',
      job(),
      [pod({ state: { waiting: { reason: 'CreateContainerConfigError', message: 'runs as root' } } })],
      {
        type: 'Pending',
        problem: { kind: 'CannotStart', message: 'Pod notes-r1-expand-x cannot start: CreateContainerConfigError: runs as root' },
      },
    ],
    ['a container that runs', job(), [pod({ state: { running: {} } })], { type: 'Running' }],
    [
      'a pod that found the database locked, while the Job goes on',
      job(),
      [ended(3, 'held by backup')],
      { type: 'Running', lock: 'exit code 3: held by backup' },
    ],
    ['the next one', job(), [ended(3), pod({ state: { running: {} } })], { type: 'Running' }],
    [
      'success, with what the migration said',
      job(['SuccessCriteriaMet'], ['Complete']),
      [
        ended(3),
        ended(0, '{"command":"migrate","schemaVersion":7,"identity":{"instanceUID":"u","environment":"Test","fingerprint":"f"}}\n'),
      ],
      {
        type: 'Succeeded',
        digest: `sha256:${'a'.repeat(64)}`,
        schemaVersion: '7',
        identity: { instanceUID: 'u', environment: 'Test', fingerprint: 'f' },
      },
    ],
    [
      'success of an image that says nothing',
      job(['Complete']),
      [ended(0, 'done')],
      { type: 'Succeeded', digest: `sha256:${'a'.repeat(64)}` },
    ],
    ['success whose pod is gone', job(['Complete']), [], { type: 'Succeeded' }],
    [
      'a failure, with the last lines of the log',
      job(['Failed', 'PodFailurePolicy']),
      [ended(1, 'starting\nError: no such table')],
      { type: 'Failed', reason: 'MigrationFailed', message: 'The migration failed with exit code 1: starting\nError: no such table' },
    ],
    [
      'a failure that the command explains',
      job(['Failed', 'PodFailurePolicy']),
      [ended(4, '{"command":"migrate","outcome":"Drifted","message":"0003 was changed"}')],
      { type: 'Failed', reason: 'SchemaDrifted', message: 'The migration failed with exit code 4: 0003 was changed' },
    ],
    [
      'a downgrade',
      job(['Failed', 'PodFailurePolicy']),
      [ended(5)],
      { type: 'Failed', reason: 'DowngradeRefused', message: 'The migration failed with exit code 5' },
    ],
    [
      "another instance's database",
      job(['Failed', 'PodFailurePolicy']),
      [ended(6)],
      { type: 'Failed', reason: 'DatabaseFenced', message: 'The migration failed with exit code 6' },
    ],
    [
      'the last of several tries',
      job(['Failed', 'BackoffLimitExceeded']),
      [ended(3, 'locked', '2026-01-01T00:00:02Z'), ended(1, 'older', '2026-01-01T00:00:01Z')],
      { type: 'Failed', reason: 'MigrationLocked', message: 'The migration failed with exit code 3: locked' },
    ],
    [
      'a kill for memory',
      job(['Failed', 'PodFailurePolicy']),
      [ended(137)],
      { type: 'Failed', reason: 'MigrationFailed', message: 'The migration failed with exit code 137 (OOMKilled)' },
    ],
    [
      'a deadline',
      job(['Failed', 'DeadlineExceeded']),
      [],
      {
        type: 'Failed',
        reason: 'MigrationTimedOut',
        message: 'The migration did not end within its deadline and was stopped',
        timedOut: true,
      },
    ],
    [
      "a pod's own deadline, with what it logged last",
      job(['Failed', 'PodFailurePolicy']),
      [{ ...ended(143, 'waiting for a lock'), status: { ...ended(143, 'waiting for a lock').status, reason: 'DeadlineExceeded' } }],
      {
        type: 'Failed',
        reason: 'MigrationTimedOut',
        message: 'The migration did not end within its deadline and was stopped; it ended with exit code 143: waiting for a lock',
        timedOut: true,
      },
    ],
    [
      'a release that was left out',
      job(['Failed', 'PodFailurePolicy']),
      [ended(1, '{"command":"migrate","outcome":"ContractFirst","message":"take 2 first"}')],
      { type: 'Failed', reason: 'UpgradePathUnsupported', message: 'The migration failed with exit code 1: take 2 first' },
    ],
    [
      'a failure whose pods are gone',
      job(['Failed', 'BackoffLimitExceeded']),
      [],
      { type: 'Failed', reason: 'MigrationFailed', message: 'The migration failed: the message' },
    ],
  ])('reads %s', (_title, seen, pods, state) => {
    expect(readJobState(seen, pods)).toEqual(state)
  })

  it.each([
    ['inspect', 'InspectionFailed', 'The inspection of the database failed'],
    ['wipe', 'WipeFailed', 'The wipe failed'],
    ['seed', 'SeedFailed', 'The seed failed'],
    ['smoke', 'VerificationFailed', 'The smoke test failed'],
    ['verify', 'VerificationFailed', 'The verification failed'],
    ['contract', 'MigrationFailed', 'The contract migration failed'],
  ] as const)('tells a failed %s by its own reason', (phase, reason, begin) => {
    const state = readJobState(job(['Failed', 'PodFailurePolicy']), [ended(10, 'sign in: 500')], phase)

    expect(state).toEqual({ type: 'Failed', reason, message: `${begin} with exit code 10: sign in: 500` })
  })

  it('tells a command that the image does not know from one that finds its environment bad', () => {
    const failed = (message: string) => readJobState(job(['Failed', 'PodFailurePolicy']), [ended(2, message)], 'rehearse')

    expect(failed("notejam: unknown command 'rehearse'")).toEqual({
      type: 'Failed',
      reason: 'RehearsalFailed',
      message: "The rehearsal of the migration on an archive failed with exit code 2: notejam: unknown command 'rehearse'",
      unknown: "exit code 2: notejam: unknown command 'rehearse'",
    })
    expect(failed('{"command":"rehearse","outcome":"InvalidConfig","message":"no store"}')).not.toHaveProperty('unknown')
  })

  it('takes over what a rehearsal compared', () => {
    const report = '{"command":"rehearse","outcome":"Rehearsed","backupID":"b","tables":9,"rows":1234,"durationSeconds":7.4}'

    expect(readJobState(job(['Complete']), [ended(0, report)], 'rehearse')).toMatchObject({
      rehearsed: { backupID: 'b', tables: 9, rows: 1234, durationSeconds: 7 },
    })
  })

  it.each([
    [1, 'RowsChanged', 'RowsChanged'],
    [1, 'MigrationFailed', 'RehearsalFailed'],
    [3, 'Locked', 'RehearsalFailed'],
    [4, 'Drifted', 'SchemaDrifted'],
    [6, 'FenceRefused', 'RehearsalFailed'],
    [8, 'ChecksumMismatch', 'RehearsalFailed'],
  ])('tells a rehearsal that ends with %i and %s as %s', (exitCode, outcome, reason) => {
    const state = readJobState(job(['Failed', 'PodFailurePolicy']), [ended(exitCode, JSON.stringify({ outcome }))], 'rehearse')

    expect(state).toMatchObject({ type: 'Failed', reason })
  })

  it('takes over what an inspection found', () => {
    const report = '{"command":"status","database":"ours","pending":["2:expand","3:contract","4:expand"]}'

    expect(readJobState(job(['Complete']), [ended(0, report)], 'inspect')).toMatchObject({ database: 'ours', pending: 2 })
  })

  it('takes over how many accounts an inspection found, and nothing of what a restore counts', () => {
    const inspected = readJobState(job(['Complete']), [ended(0, '{"command":"status","rows":{"users":7,"notes":9}}')], 'inspect')
    const restored = readJobState(job(['Complete']), [ended(0, '{"command":"restore","rows":16}')], 'restore')

    expect(inspected).toMatchObject({ accounts: 7 })
    expect(restored).not.toHaveProperty('accounts')
  })

  it('tells an archive that is not masked from a database of somebody else', () => {
    const refusal = (outcome: string) =>
      readJobState(job(['Failed', 'PodFailurePolicy']), [ended(6, `{"command":"seed","outcome":"${outcome}","message":"no"}`)], 'seed')

    expect(refusal('NotMasked')).toMatchObject({ type: 'Failed', reason: 'NotMasked' })
    expect(refusal('FenceRefused')).toMatchObject({ type: 'Failed', reason: 'DatabaseFenced' })
  })
})

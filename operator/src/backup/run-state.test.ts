import { describe, expect, it } from 'vitest'
import type { Job, Pod } from '../api/objects.ts'
import { readRun } from './run-state.ts'

const jobOf = (type?: string): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'notes-backup' },
  spec: { template: { spec: { containers: [] } } },
  status: type === undefined ? {} : { conditions: [{ type, status: 'True' }] },
})
const podOf = (name: string, terminated?: { readonly exitCode: number; readonly finishedAt: string; readonly message?: string }): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [] },
  status: { containerStatuses: [{ name: 'backup', state: terminated === undefined ? {} : { terminated } }] },
})
const refused = podOf('a', { exitCode: 7, finishedAt: '2026-11-21T00:00:10Z', message: '{"message":"store offsite: 503"}' })
const locked = podOf('b', { exitCode: 3, finishedAt: '2026-11-21T00:01:10Z', message: '{"message":"somebody has the lock"}' })
const evicted: Pod = {
  ...podOf('c'),
  status: {
    message: 'Usage of EmptyDir volume "scratch" exceeds the limit "4Mi"',
    conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', lastTransitionTime: '2026-11-21T00:01:10Z' }],
    containerStatuses: [{ name: 'backup', state: { terminated: { exitCode: 137, finishedAt: '2026-11-21T00:01:12Z' } } }],
  },
}

describe('readRun', () => {
  it.each<
    [string, Job, readonly Pod[], { readonly type: string; readonly problem?: string; readonly reason?: string; readonly message?: string }]
  >([
    ['nothing has ended yet', jobOf(), [podOf('a')], { type: 'Active' }],
    [
      'a try failed, and another one is under way',
      jobOf(),
      [refused, podOf('b')],
      { type: 'Active', problem: 'A try failed with exit code 7: store offsite: 503; it is tried again' },
    ],
    [
      'the last of two that failed is told',
      jobOf(),
      [locked, refused],
      { type: 'Active', problem: 'A try failed with exit code 3: somebody has the lock; it is tried again' },
    ],
    [
      'a try failed after which no other comes',
      jobOf(),
      [podOf('a', { exitCode: 1, finishedAt: '2026-11-21T00:00:10Z' })],
      { type: 'Active' },
    ],
    [
      'the pod of a try was evicted',
      jobOf(),
      [evicted],
      {
        type: 'Active',
        problem: 'The pod of a try was taken away: Usage of EmptyDir volume "scratch" exceeds the limit "4Mi"; it is tried again',
      },
    ],
    ['no other try comes', jobOf('Failed'), [refused], { type: 'Failed', reason: 'StoreUnavailable' }],
    [
      'its pod used more than it may',
      jobOf('Failed'),
      [
        {
          ...refused,
          status: { ...refused.status, reason: 'Evicted', message: 'Usage of EmptyDir volume "scratch" exceeds the limit "64Mi".' },
        },
      ],
      {
        type: 'Failed',
        message:
          'The run failed with exit code 7: store offsite: 503; its pod was evicted: Usage of EmptyDir volume "scratch" exceeds the limit "64Mi".',
      },
    ],
    ['another try was good', jobOf(), [refused, podOf('b', { exitCode: 0, finishedAt: '2026-11-21T00:01:10Z' })], { type: 'Succeeded' }],
  ])('%s', (_what, job, pods, expected) => {
    const run = readRun(job, pods, 'backup')

    expect(run).toMatchObject(expected)
    expect('problem' in run ? run.problem : undefined).toBe(expected.problem)
  })
})

import { describe, expect, it } from 'vitest'
import type { ContainerStatus, Pod } from '../api/objects.ts'
import { describeEnd, findPodProblem, parseResult } from './pod-problem.ts'

const pod = (status: Pod['status']): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'notes-1' },
  spec: { containers: [] },
  ...(status === undefined ? {} : { status }),
})

const container = (status: Partial<ContainerStatus>): Pod => pod({ containerStatuses: [{ name: 'app', ...status }] })
const waiting = (reason: string, message?: string, more: Partial<ContainerStatus> = {}): Pod =>
  container({ state: { waiting: { reason, ...(message === undefined ? {} : { message }) } }, ...more })
const ended = { exitCode: 1, reason: 'Error', message: 'boom' }

describe('findPodProblem', () => {
  it.each<[string, Pod]>([
    ['that has no status yet', pod(undefined)],
    ['that is being created', waiting('ContainerCreating')],
    ['that runs', container({ ready: true, state: { running: {} } })],
    [
      'that ended once',
      container({ restartCount: 1, lastState: { terminated: ended }, state: { waiting: { reason: 'CrashLoopBackOff' } } }),
    ],
    ['that came up again after it ended', container({ restartCount: 7, lastState: { terminated: ended }, state: { running: {} } })],
    ['that has a node', pod({ conditions: [{ type: 'PodScheduled', status: 'True' }] })],
  ])('finds nothing wrong with a pod %s', (_what, seen) => {
    expect(findPodProblem(seen)).toBeUndefined()
  })

  it.each<[string, Pod, object]>([
    [
      'an image that is not there',
      waiting('ErrImagePull', 'not found', { image: 'r.example/notejam:2' }),
      { kind: 'ImagePull', message: 'Pod notes-1 cannot pull r.example/notejam:2: not found' },
    ],
    [
      'an image without a name',
      waiting('InvalidImageName'),
      { kind: 'ImagePull', message: 'Pod notes-1 cannot pull its image: InvalidImageName' },
    ],
    [
      'a Secret that is not there',
      waiting('CreateContainerConfigError', 'secret "x" not found'),
      { kind: 'CannotStart', message: 'Pod notes-1 cannot start: CreateContainerConfigError: secret "x" not found' },
    ],
    [
      'a third end',
      container({ restartCount: 2, lastState: { terminated: ended }, state: { waiting: { reason: 'CrashLoopBackOff' } } }),
      { kind: 'Crash', message: 'Pod notes-1 ended 3 times, the last time with exit code 1: boom' },
    ],
    [
      'an end just now, after others',
      container({ restartCount: 2, state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } }),
      { kind: 'Crash', message: 'Pod notes-1 ended 3 times, the last time with exit code 137 (OOMKilled)' },
    ],
    [
      'an init container that cannot start, before the others',
      pod({
        initContainerStatuses: [{ name: 'i', state: { waiting: { reason: 'RunContainerError', message: 'no' } } }],
        containerStatuses: [{ name: 'app', state: { waiting: { reason: 'ErrImagePull' } } }],
      }),
      { kind: 'CannotStart', message: 'Pod notes-1 cannot start: RunContainerError: no' },
    ],
    [
      'no node',
      pod({ conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available' }] }),
      { kind: 'Unschedulable', message: 'Pod notes-1 finds no node: 0/3 nodes are available' },
    ],
  ])('sees %s', (_what, seen, problem) => {
    expect(findPodProblem(seen)).toEqual(problem)
  })

  it('says the same while the kubelet tries and while it waits', () => {
    const tries = waiting('ErrImagePull', 'rpc error: not found', { image: 'i' })
    const waits = waiting('ImagePullBackOff', 'Back-off pulling image "i": ErrImagePull: rpc error: not found', { image: 'i' })

    expect(findPodProblem(waits)).toEqual(findPodProblem(tries))
  })
})

describe('describeEnd', () => {
  it.each([
    ['the message of the report', '{"command":"migrate","outcome":"Failed","message":"no such table"}\n', 'exit code 1: no such table'],
    ['the last lines of the log', `${'first\n\n'.repeat(20)}last`, `exit code 1: ${'first\n'.repeat(7)}last`],
    ['nothing where nothing was said', ' \n', 'exit code 1'],
    ['the text where it only looks like a report', '{broken', 'exit code 1: {broken'],
  ])('shows %s', (_what, message, expected) => {
    expect(describeEnd({ exitCode: 1, reason: 'Error', message })).toBe(expected)
  })

  it('keeps the end of a long line, where the cause is', () => {
    const text = describeEnd({ exitCode: 1, message: `${'x'.repeat(5000)} the cause` })

    expect(text.endsWith('the cause')).toBe(true)
    expect(text.length).toBeLessThan(1300)
  })
})

describe('parseResult', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['Error: x', undefined],
    ['{"a":1', undefined],
    [' {"a":1}\n', { a: 1 }],
  ])('%j is %j', (text, expected) => {
    expect(parseResult(text)).toEqual(expected)
  })
})

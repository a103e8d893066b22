import { describe, expect, it } from 'vitest'
import { annotations } from '../api/labels.ts'
import type { Deployment, Pod } from '../api/objects.ts'
import { readRollout } from './rollout.ts'

type Status = NonNullable<Deployment['status']>

const hash = 'new'
const allNew: Status = { observedGeneration: 2, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 }

function deployment(status: Status | undefined, { template = hash, replicas = 3 } = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'notes', generation: 2 },
    spec: { replicas, template: { metadata: { annotations: { [annotations.templateHash]: template } }, spec: { containers: [] } } },
    ...(status === undefined ? {} : { status }),
  }
}

const pod = (name: string, template: string, status: Pod['status'] = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, annotations: { [annotations.templateHash]: template } },
  spec: { containers: [] },
  status,
})
const three = ['a', 'b', 'c'].map((name) => pod(name, hash))
const crashing: Pod['status'] = {
  containerStatuses: [
    { name: 'app', restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 9 } } },
  ],
}
const unpullable: Pod['status'] = {
  containerStatuses: [{ name: 'app', image: 'i', state: { waiting: { reason: 'ErrImagePull', message: 'not found' } } }],
}
const late = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'too late' }]
const complete = [{ type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' }]

describe('readRollout', () => {
  it.each<[string, Deployment | undefined, readonly Pod[], object]>([
    ['no Deployment', undefined, [], { type: 'NotApplied' }],
    ['one with another template', deployment(allNew, { template: 'old' }), three, { type: 'NotApplied' }],
    [
      'one that the controller has not seen',
      deployment({ ...allNew, observedGeneration: 1 }),
      three,
      { type: 'Progressing', degraded: false, message: 'the Deployment was changed just now' },
    ],
    ['one without a status', deployment(undefined), [], { type: 'Progressing', degraded: false }],
    ['all pods new and available', deployment(allNew), three, { type: 'Complete' }],
    ['none wanted, none there', deployment({ observedGeneration: 2 }, { replicas: 0 }), [], { type: 'Complete' }],
    [
      'an older pod that has not ended yet, which the counters do not show any more',
      deployment(allNew),
      [...three, pod('d', 'old')],
      { type: 'Progressing', degraded: false, message: '3 of 3 pods are new, 1 older one is still there' },
    ],
    [
      'a surplus of pods while it scales down',
      deployment({ ...allNew, replicas: 4, updatedReplicas: 4, availableReplicas: 4 }),
      three,
      { type: 'Progressing', degraded: false },
    ],
    [
      'a pod lost after the roll-out was complete',
      deployment({ ...allNew, availableReplicas: 2, conditions: complete }),
      three,
      { type: 'Progressing', degraded: true, message: '2 of 3 pods are available' },
    ],
    [
      'a pod that crashes after the roll-out was complete: no failure of the roll-out',
      deployment({ ...allNew, availableReplicas: 2, conditions: complete }),
      [...three.slice(1), pod('a', hash, crashing)],
      { type: 'Progressing', degraded: true },
    ],
    [
      'a pod that crashes after it was scaled up from zero, where the Deployment counts no progress',
      deployment({ ...allNew, availableReplicas: 0, conditions: complete }),
      [pod('a', hash, crashing)],
      {
        type: 'Progressing',
        overdue: { type: 'Failed', reason: 'RolloutCrashed', message: expect.stringMatching(/ended 4 times/) as string },
      },
    ],
    [
      'a pod that does not get ready then',
      deployment({ ...allNew, availableReplicas: 0, conditions: complete }),
      [pod('a', hash, { conditions: [{ type: 'Ready', status: 'False', message: 'not listening' }] })],
      {
        type: 'Progressing',
        overdue: {
          reason: 'RolloutDeadlineExceeded',
          message: expect.stringMatching(/within its deadline: Pod a is not ready: not listening/) as string,
        },
      },
    ],
    [
      'pods that are not made then',
      deployment({ observedGeneration: 2, conditions: complete }),
      [],
      {
        type: 'Progressing',
        degraded: false,
        overdue: { message: expect.stringMatching(/within its deadline: 0 of 3 pods are available/) as string },
      },
    ],
    [
      'a new pod that crashes, before any deadline',
      deployment({ ...allNew, updatedReplicas: 1 }),
      [pod('a', hash, crashing)],
      { type: 'Failed', reason: 'RolloutCrashed', message: 'Pod a ended 4 times, the last time with exit code 9' },
    ],
    [
      'an old pod that crashes: not the new ones fault',
      deployment({ ...allNew, updatedReplicas: 1 }),
      [pod('a', 'old', crashing)],
      { type: 'Progressing', degraded: false },
    ],
    [
      'an image that cannot be pulled, within the deadline',
      deployment({ ...allNew, updatedReplicas: 1 }),
      [pod('a', hash, unpullable)],
      { type: 'Progressing', degraded: false, message: 'Pod a cannot pull i: not found' },
    ],
    [
      'an image that cannot be pulled, after it',
      deployment({ ...allNew, updatedReplicas: 1, conditions: late }),
      [pod('a', hash, unpullable)],
      { type: 'Failed', reason: 'ImagePullFailed', message: 'Pod a cannot pull i: not found' },
    ],
    [
      'pods that do not get ready in time',
      deployment({ ...allNew, updatedReplicas: 1, conditions: late }),
      [pod('a', hash, { conditions: [{ type: 'Ready', status: 'False', message: 'containers with unready status: [app]' }] })],
      {
        type: 'Failed',
        reason: 'RolloutDeadlineExceeded',
        message: 'The roll-out made no progress within its deadline: Pod a is not ready: containers with unready status: [app]',
      },
    ],
    [
      'no pods in time',
      deployment({ observedGeneration: 2, conditions: late }),
      [],
      { type: 'Failed', reason: 'RolloutDeadlineExceeded', message: 'The roll-out made no progress within its deadline: too late' },
    ],
  ])('%s', (_what, seen, pods, expected) => {
    expect(readRollout(seen, pods, hash)).toMatchObject(expected)
  })

  it.each<[string, Status, readonly Pod[]]>([
    ['an older pod has not ended', { ...allNew, conditions: complete }, [...three, pod('d', 'old')]],
    ['its Deployment counts the progress', { ...allNew, availableReplicas: 0 }, three],
  ])('leaves it to others to say that it lasts too long while %s', (_what, status, pods) => {
    const state = readRollout(deployment(status), pods, hash)

    expect(state.type).toBe('Progressing')
    expect(state).not.toHaveProperty('overdue')
  })
})

import { describe, expect, it } from 'vitest'
import { annotations } from '../api/labels.ts'
import type { ContainerStatus, Pod, StatefulSet } from '../api/objects.ts'
import { chooseDatabaseImage, majorVersion, readDatabaseState, type DatabaseEvidence } from './database-state.ts'

const set = (more: Partial<StatefulSet['status'] & { replicas: number; hash: string }> = {}): StatefulSet => {
  const { replicas = 1, hash = 'h', ...status } = more
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'notes-database', generation: 3 },
    spec: { replicas, template: { metadata: { annotations: { [annotations.templateHash]: hash } }, spec: { containers: [] } } },
    status: { observedGeneration: 3, readyReplicas: 1, updatedReplicas: 1, ...status },
  }
}
const pod = (status: Partial<ContainerStatus>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'notes-database-0' },
  spec: { containers: [] },
  status: { containerStatuses: [{ name: 'database', ...status }] },
})
const otherVersion = { exitCode: 65, message: 'The data is of PostgreSQL 16, the image holds PostgreSQL 17\n' }
const good: DatabaseEvidence = { engine: 'PostgreSQL', set: set(), pods: [], hash: 'h', replicas: 1 }

describe('readDatabaseState', () => {
  it.each<[string, Partial<DatabaseEvidence>, string]>([
    ['no StatefulSet', { set: undefined }, 'Starting'],
    ['a pod that is ready', {}, 'Ready'],
    ['settings that are not applied', { hash: 'other' }, 'Starting'],
    ['a Secret that cannot be read, beside a server that is ready', { hash: undefined }, 'Ready'],
    ['a change that was not seen', { set: set({ observedGeneration: 2 }) }, 'Starting'],
    ['a pod that is not ready', { set: set({ readyReplicas: 0 }) }, 'Starting'],
    ['an older pod that is ready', { set: set({ updatedReplicas: 0 }) }, 'Starting'],
    ['sleep', { set: set({ replicas: 0, readyReplicas: 0 }), replicas: 0 }, 'Stopped'],
    ['sleep, with an older template', { set: set({ replicas: 0, hash: 'old' }), replicas: 0 }, 'Stopped'],
    ['a waking server', { set: set({ replicas: 0, readyReplicas: 0 }) }, 'Starting'],
    ['a pod that was restarted and runs', { pods: [pod({ state: { running: {} }, lastState: { terminated: otherVersion } })] }, 'Ready'],
  ])('%s: %s', (_what, more, type) => {
    expect(readDatabaseState({ ...good, ...more }).type).toBe(type)
  })

  it.each<[string, Partial<ContainerStatus>, string]>([
    ['data of another version', { state: { terminated: otherVersion } }, 'DatabaseMajorUpgrade'],
    [
      'data of another version, waiting to be started again',
      { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: otherVersion } },
      'DatabaseMajorUpgrade',
    ],
    ['an image that is not there', { state: { waiting: { reason: 'ImagePullBackOff', message: 'not found' } } }, 'ImagePullFailed'],
    [
      'a server that ends again and again',
      {
        restartCount: 4,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 1, message: 'no room' } },
      },
      'DatabaseFailed',
    ],
  ])('%s needs a person', (_what, status, reason) => {
    const state = readDatabaseState({ ...good, set: set({ readyReplicas: 0 }), pods: [pod(status)] })

    expect(state).toMatchObject({ type: 'Failed', stall: { reason } })
    if (reason === 'DatabaseMajorUpgrade') {
      expect(state).toMatchObject({ stall: { message: expect.stringContaining('data is of PostgreSQL 16') as string } })
      expect(state).toMatchObject({ stall: { message: expect.stringContaining('back to the version before') as string } })
    }
  })
})

describe('the image of the server', () => {
  it.each([
    ['PostgreSQL', 'postgres:17', '17'],
    ['PostgreSQL', 'docker.io/library/postgres:17.2-bookworm', '17'],
    ['PostgreSQL', 'localhost:5000/postgres:16-alpine', '16'],
    ['PostgreSQL', 'postgres:latest', undefined],
    ['PostgreSQL', 'registry.example/postgres@sha256:abc', undefined],
    ['PostgreSQL', 'registry.example/postgres:17ab', undefined],
    ['MySQL', 'mariadb:11.8.3-noble', '11.8'],
    ['MySQL', 'mariadb:11', undefined],
  ] as const)('%s, %s: of %s', (engine, image, major) => {
    expect(majorVersion(engine, image)).toBe(major)
  })

  it.each([
    ['the first one', 'postgres:17', undefined, 'postgres:17', false],
    ['another minor version', 'postgres:17.7', 'postgres:17.6', 'postgres:17.7', false],
    ['another major version', 'postgres:18', 'postgres:17.6', 'postgres:17.6', true],
    ['an older major version', 'postgres:16', 'postgres:17.6', 'postgres:17.6', true],
    ['a tag that does not tell', 'postgres:latest', 'postgres:17.6', 'postgres:latest', false],
  ] as const)('%s', (_what, wanted, running, image, refused) => {
    const chosen = chooseDatabaseImage('PostgreSQL', wanted, running)

    expect(chosen.image).toBe(image)
    expect(chosen.refused?.reason).toBe(refused ? 'DatabaseMajorUpgrade' : undefined)
  })
})

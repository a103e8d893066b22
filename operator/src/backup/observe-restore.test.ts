import { describe, expect, it } from 'vitest'
import type { NotejamRestore } from '../api/notejam.ts'
import { archiveBefore } from './observe-restore.ts'

const restoreOf = (source: NotejamRestore['spec']['source']): NotejamRestore => ({
  apiVersion: 'notejam.io/v1',
  kind: 'NotejamRestore',
  metadata: { name: 'back', creationTimestamp: '2026-11-22T01:44:33Z' },
  spec: { instanceRef: { name: 'notes' }, mode: 'InPlace', source },
})
const safetyAt = (startTime: string) => ({ status: { startTime } })

describe('archiveBefore', () => {
  it.each<[string, NotejamRestore['spec']['source'], ReturnType<typeof safetyAt> | undefined, string | undefined]>([
    ['the newest from before it was asked for', {}, safetyAt('2026-11-22T01:44:34Z'), '2026-11-22T01:44:33Z'],
    ['as well while there is no safety backup', { backupID: 'Latest' }, undefined, '2026-11-22T01:44:33Z'],
    ['not the safety backup of a node whose clock is slow', {}, safetyAt('2026-11-22T01:44:33Z'), '2026-11-22T01:44:32Z'],
    [
      'nor where a later time was given',
      { notAfterTime: '2027-01-01T00:00:00Z' },
      safetyAt('2026-11-22T01:44:34Z'),
      '2026-11-22T01:44:33Z',
    ],
    ['as of the time that was given', { notAfterTime: '2026-01-01T00:00:00Z' }, safetyAt('2026-11-22T01:44:34Z'), '2026-01-01T00:00:00Z'],
    ['the one that was named', { backupID: '20261122T014433Z-3bbc0f1e' }, safetyAt('2026-11-22T01:44:33Z'), undefined],
  ])('%s', (_what, source, safety, notAfterTime) => {
    expect(archiveBefore(safety, restoreOf(source)).notAfterTime).toBe(notAfterTime)
  })
})

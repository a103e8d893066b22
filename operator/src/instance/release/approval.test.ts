import { describe, expect, it } from 'vitest'
import { readApproval } from './approval.ts'

const managed = (manager: string, time: string, fields: object) => ({ manager, time, fieldsV1: { 'f:spec': { 'f:release': fields } } })
const instance = (...managedFields: readonly object[]) => ({
  apiVersion: 'notejam.io/v1',
  kind: 'NotejamInstance',
  metadata: { name: 'notes', managedFields },
})

describe('readApproval', () => {
  it('finds who set the field last', () => {
    const approval = readApproval(
      instance(
        managed('argocd', '2026-01-03T00:00:00Z', { 'f:updatePolicy': {} }),
        managed('kubectl-edit', '2026-01-01T00:00:00Z', { 'f:approvedImage': {} }),
        managed('pipeline', '2026-01-02T00:00:00Z', { 'f:approvedImage': {} }),
      ),
    )

    expect(approval).toEqual({ manager: 'pipeline', time: '2026-01-02T00:00:00Z' })
  })

  it('is empty where the server kept nothing', () => {
    expect(readApproval(instance())).toEqual({})
  })
})

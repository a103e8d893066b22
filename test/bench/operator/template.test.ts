import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../cluster/api-client.ts'
import { appliedPart, fillTemplate, templateOf } from './template.ts'

/** A Service as the server gives it: defaults filled in, and another manager's label. */
const service: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: 'notes',
    namespace: 'team',
    uid: 'uid-of-service',
    labels: { ours: 'yes', theirs: 'yes' },
    annotations: { 'notejam.io/applied': 'hash', note: 'for notes' },
    ownerReferences: [{ kind: 'NotejamInstance', name: 'notes', uid: 'uid-1', controller: true }],
    managedFields: [
      { manager: 'other', operation: 'Update', fieldsV1: { 'f:metadata': { 'f:labels': { 'f:theirs': {} } } } },
      {
        manager: 'notejam-operator',
        operation: 'Apply',
        fieldsV1: {
          'f:metadata': {
            'f:labels': { 'f:ours': {} },
            'f:annotations': { 'f:notejam.io/applied': {}, 'f:note': {} },
            'f:ownerReferences': { 'k:{"uid":"uid-1"}': {} },
          },
          'f:spec': {
            'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:name': {} } },
            'f:hosts': { 'v:"a.example.org"': {} },
          },
        },
      },
      { manager: 'notejam-operator', operation: 'Apply', subresource: 'status', fieldsV1: { 'f:status': {} } },
    ],
  },
  spec: {
    clusterIP: '10.0.0.1',
    hosts: ['a.example.org', 'b.example.org'],
    ports: [
      { port: 80, protocol: 'TCP', name: 'http', targetPort: 80 },
      { port: 81, protocol: 'TCP' },
    ],
  },
  status: { loadBalancer: {} },
}

describe('appliedPart', () => {
  it('is what the manager applied, and nothing of defaults, other managers or the status', () => {
    expect(appliedPart(service)).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: 'notes',
        namespace: 'team',
        labels: { ours: 'yes' },
        annotations: { 'notejam.io/applied': 'hash', note: 'for notes' },
        ownerReferences: [{ kind: 'NotejamInstance', name: 'notes', uid: 'uid-1', controller: true }],
      },
      spec: { hosts: ['a.example.org'], ports: [{ port: 80, name: 'http' }] },
    })
  })

  it('is what was created where nobody applied', () => {
    const metadata = { name: 'key', managedFields: [{ manager: 'x', operation: 'Update', fieldsV1: { 'f:data': { 'f:a': {} } } }] }

    const part = appliedPart({ apiVersion: 'v1', kind: 'Secret', metadata, data: { a: '1', b: '2' } })

    expect(part).toEqual({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' }, data: { a: '1' } })
  })
})

describe('templateOf', () => {
  const filling = { name: 'notes', namespace: 'team', uid: 'uid-1', image: 'img', mark: 'no-mark' }

  it('has words for what differs, without the hashes', () => {
    const template = templateOf([service], filling)

    expect(template).not.toContain('notes')
    expect(template).not.toContain('notejam.io/applied')
    expect(template).toContain('"name":"qqname","namespace":"qqnamespace"')
    expect(template).toContain('"note":"for qqname"')
  })

  it('filled again with the same is the same object', () => {
    const filled = JSON.parse(fillTemplate(templateOf([service], filling), filling)) as KubeObject
    const part = appliedPart(service)

    expect(filled).toEqual({ ...part, metadata: { ...part.metadata, annotations: { note: 'for notes' } } })
  })

  it('takes no name for the beginning of a namespace', () => {
    expect(fillTemplate('qqname qqnamespace qquid', { ...filling, name: 'n', namespace: 'space', uid: 'u' })).toBe('n space u')
  })
})

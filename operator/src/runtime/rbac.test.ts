import { describe, expect, it } from 'vitest'
import { resources } from '../kube/resource.ts'
import { permits } from './guarded-client.ts'
import { rbacRules, type AccessTable } from './rbac.ts'
import { namespacesOf } from './scope.ts'
import { source } from './source.ts'

const httpRoutes = { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'httproutes', kind: 'HTTPRoute', namespaced: true }
const table: AccessTable = {
  primary: { resource: resources.deployments },
  sources: [source({ resource: resources.configMaps }), source({ resource: resources.nodes })],
  access: [
    { resource: resources.configMaps, verbs: ['create', 'patch'] },
    { resource: resources.deployments, subresource: 'status', verbs: ['patch'] },
    { resource: resources.secrets, verbs: ['get'], names: ['b', 'a'] },
  ],
}
const deployments = { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list', 'watch'] }
const status = { apiGroups: ['apps'], resources: ['deployments/status'], verbs: ['patch'] }
const configMaps = { apiGroups: [''], resources: ['configmaps'], verbs: ['create', 'get', 'list', 'patch', 'watch'] }
const secrets = { apiGroups: [''], resources: ['secrets'], resourceNames: ['a', 'b'], verbs: ['get'] }
const nodes = { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] }
const events = { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] }
const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create', 'get', 'update'] }
const definition = { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], resourceNames: ['x'], verbs: ['get'] }
const asSet = (rules: readonly object[]) => new Set(rules.map((rule) => JSON.stringify(rule, Object.keys(rule).toSorted())))

describe('rbacRules', () => {
  it('puts everything into the cluster role when all namespaces are served', () => {
    const { cluster, namespaces, own } = rbacRules([table], 'all', ['x'])

    expect(asSet(cluster)).toEqual(asSet([deployments, status, configMaps, secrets, nodes, events, definition]))
    expect([namespaces, own]).toEqual([[], [leases]])
  })

  it('lets the definition of an optional resource be watched, by its name, where there is a cluster role', () => {
    const tables = [{ primary: table.primary, sources: [source({ resource: httpRoutes, optional: true })] }]
    const watched = { ...definition, resourceNames: ['httproutes.gateway.networking.k8s.io'], verbs: ['list', 'watch'] }

    expect(asSet(rbacRules(tables, 'all').cluster)).toContain([...asSet([watched])][0])
    expect(rbacRules(tables, 'list').cluster).toEqual([])
  })

  it.each(['list', 'own'] as const)('keeps to roles of the namespaces in scope "%s", but for what has no namespace', (scope) => {
    const { cluster, namespaces, own } = rbacRules([table], scope)

    expect(cluster).toEqual([nodes])
    expect(asSet(namespaces)).toEqual(asSet([deployments, status, configMaps, secrets, events]))
    expect(own).toEqual([leases])
  })

  it('gives the same for the same rights, in whatever order and however split', () => {
    const split: AccessTable = { primary: { resource: resources.configMaps }, access: [...(table.access ?? [])].toReversed() }
    const rest: AccessTable = { primary: table.primary, sources: [source({ resource: resources.nodes })] }

    expect(rbacRules([rest, split], 'all')).toEqual(rbacRules([table], 'all'))
  })
})

it('permits by resource, subresource, verb and name', () => {
  const rule = { resource: resources.secrets, verbs: ['get'], names: ['a'] } as const

  expect(permits(rule, 'get', resources.secrets, undefined, 'a')).toBe(true)
  expect(permits(rule, 'get', resources.secrets, undefined, 'b')).toBe(false)
  expect(permits(rule, 'delete', resources.secrets, undefined, 'a')).toBe(false)
  expect(permits(rule, 'get', resources.secrets, 'status', 'a')).toBe(false)
  expect(permits(rule, 'get', resources.configMaps, undefined, 'a')).toBe(false)
})

it('knows the namespaces of a scope', () => {
  expect(namespacesOf({ type: 'all' })).toEqual([''])
  expect(namespacesOf({ type: 'own', namespace: 'a' })).toEqual(['a'])
  expect(namespacesOf({ type: 'list', namespaces: ['a', 'b', 'a'] })).toEqual(['a', 'b'])
  expect(() => namespacesOf({ type: 'list', namespaces: [] })).toThrow(RangeError)
})

import { resourceName, resources, type Resource } from '../kube/resource.ts'
import { accessOf } from './controller.ts'
import type { ControllerOptions } from './reconciler.ts'
import type { Scope } from './scope.ts'
import type { AccessRule } from './source.ts'

/** `rbac.authorization.k8s.io/v1 PolicyRule`. */
export interface PolicyRule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

/** The rules of a scope, by where they are bound. */
export interface ScopedRules {
  /** In a ClusterRole with a ClusterRoleBinding. */
  readonly cluster: readonly PolicyRule[]
  /** In a Role of each served namespace; empty when everything is served. */
  readonly namespaces: readonly PolicyRule[]
  /** In a Role of the operator's own namespace: its lease. */
  readonly own: readonly PolicyRule[]
}

/** What the rules are generated from: the very table that starts the watches and guards the calls. */
export type AccessTable = Pick<ControllerOptions, 'primary' | 'sources' | 'access'>

/**
 * The rights that an operator needs in a scope, and no others. Compare the chart's roles with it: what the code calls and what the roles allow cannot
 * drift apart then.
 *
 * @param definitions - names of the CustomResourceDefinitions whose schema is compared at the start; read by name, and only where there is a cluster role
 */
export function rbacRules(tables: readonly AccessTable[], scope: Scope['type'], definitions: readonly string[] = []): ScopedRules {
  const rules = tables.flatMap((table) => accessOf(table))
  const events: AccessRule = { resource: resources.events, verbs: ['create', 'patch'] }
  const namespaced = [...rules.filter(({ resource }) => resource.namespaced), events]
  const clusterWide = rules.filter(({ resource }) => !resource.namespaced)
  if (definitions.length > 0) clusterWide.push({ resource: resources.customResourceDefinitions, verbs: ['get'], names: definitions })
  const optional = tables.flatMap(({ sources = [] }) =>
    sources.filter((source) => source.optional === true).map(({ resource }) => resourceName(resource)),
  )
  // Whether an add-on is there is told by the watch on its definition (`until-served.ts`).
  if (scope === 'all' && optional.length > 0)
    clusterWide.push({ resource: resources.customResourceDefinitions, verbs: ['list', 'watch'], names: [...new Set(optional)] })
  const own = policyRules([{ resource: resources.leases, verbs: ['get', 'create', 'update'] }])
  return scope === 'all'
    ? { cluster: policyRules([...clusterWide, ...namespaced]), namespaces: [], own }
    : { cluster: policyRules(clusterWide), namespaces: policyRules(namespaced), own }
}

/** One rule for each group, resource and set of names, its verbs united, in alphabetical order: two tables that allow the same give the same rules. */
function policyRules(rules: readonly AccessRule[]): readonly PolicyRule[] {
  const united = new Map<string, { readonly rule: AccessRule; readonly verbs: Set<string> }>()
  for (const rule of rules) {
    const id = JSON.stringify([rule.resource.group, nameOf(rule), rule.names?.toSorted() ?? null])
    const known = united.get(id) ?? { rule, verbs: new Set<string>() }
    for (const verb of rule.verbs) known.verbs.add(verb)
    united.set(id, known)
  }
  return [...united].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { rule, verbs }]) => policyRule(rule, [...verbs].toSorted()))
}

function policyRule(rule: AccessRule, verbs: readonly string[]): PolicyRule {
  const base = { apiGroups: [rule.resource.group], resources: [nameOf(rule)], verbs }
  return rule.names === undefined ? base : { ...base, resourceNames: rule.names.toSorted() }
}

function nameOf({ resource, subresource }: { readonly resource: Resource; readonly subresource?: string }): string {
  return subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`
}

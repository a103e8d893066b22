/**
 * Which namespaces an operator serves.
 *
 * - `all`: one watch per resource over the cluster.
 * - `list`: one watch per resource and namespace, and rights in these namespaces alone.
 * - `own`: a list of one, its own.
 */
export type Scope =
  | { readonly type: 'all' }
  | { readonly type: 'list'; readonly namespaces: readonly string[] }
  | { readonly type: 'own'; readonly namespace: string }

/** The namespaces that a namespaced resource is watched in; the empty string stands for all of them in one watch. */
export function namespacesOf(scope: Scope): readonly string[] {
  switch (scope.type) {
    case 'all':
      return ['']
    case 'list':
      if (scope.namespaces.length === 0) throw new RangeError('A scope of listed namespaces has to list at least one.')
      return [...new Set(scope.namespaces)]
    case 'own':
      return [scope.namespace]
  }
}

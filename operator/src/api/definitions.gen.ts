// Generated from crds/ by operator/scripts/generate-types.ts; a test fails when the two differ.
import type { ExpectedDefinition } from '../runtime/manager.ts'

/** The CustomResourceDefinitions that this version of the operator was built with. */
export const definitions: readonly ExpectedDefinition[] = [
  {
    resource: { group: 'notejam.io', version: 'v1', plural: 'notejaminstances', kind: 'NotejamInstance', namespaced: true },
    schemaHash: 'pW4cpllz9ZRHpueo8SJNxQ',
  },
]

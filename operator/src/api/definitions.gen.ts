// Generated from crds/ by operator/scripts/generate-types.ts; a test fails when the two differ.
import type { ExpectedDefinition } from '../runtime/manager.ts'

/** The CustomResourceDefinitions that this version of the operator was built with. */
export const definitions: readonly ExpectedDefinition[] = [
  {
    resource: { group: 'notejam.io', version: 'v1', plural: 'notejambackups', kind: 'NotejamBackup', namespaced: true },
    schemaHash: '8G-6c4CYDfpJSGgLUH8v7g',
  },
  {
    resource: { group: 'notejam.io', version: 'v1', plural: 'notejambackupstores', kind: 'NotejamBackupStore', namespaced: true },
    schemaHash: 'yfj34qxC7XXcZzlVbMlj1Q',
  },
  {
    resource: { group: 'notejam.io', version: 'v1', plural: 'notejaminstances', kind: 'NotejamInstance', namespaced: true },
    schemaHash: 'OJj7xZ17qHnK3QOuTa91mw',
  },
  {
    resource: { group: 'notejam.io', version: 'v1', plural: 'notejamrestores', kind: 'NotejamRestore', namespaced: true },
    schemaHash: 'yKTuheNgS1amxKB2_ZD_ow',
  },
]

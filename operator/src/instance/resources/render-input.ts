import type { NotejamInstance } from '../../api/notejam.ts'
import type { EffectivePolicy } from '../../api/policy.ts'
import type { Connection } from '../connection.ts'

/** What the builders of one instance's children get: everything that their output depends on. */
export interface RenderInput {
  readonly instance: NotejamInstance
  readonly policy: EffectivePolicy
}

/** What the builders of pods get beyond that. */
export interface PodInput extends RenderInput {
  readonly connection: Connection
}

/** Names of ports, volumes and paths on which the children agree. */
export const ports = { http: 8080, ops: 9090 } as const

/** Where a pod finds what is mounted. */
export const paths = {
  data: '/data',
  databaseFile: '/data/notejam.db',
  secrets: '/run/secrets/notejam',
  authority: '/run/secrets/notejam-database',
  temporary: '/tmp',
} as const

/** Entry of the Secret that holds the app's key. */
export const secretKeyEntry = 'secret-key'

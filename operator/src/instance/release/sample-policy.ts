import type { ReleasePolicy } from './types.ts'

/** What an instance in environment Test has when its spec says nothing of releases: tests change what they are about. */
export const samplePolicy: ReleasePolicy = {
  strategy: 'Upgrade',
  updatePolicy: 'Automatic',
  approvedImage: undefined,
  windows: [],
  rollback: 'Automatic',
  missingBackup: 'Refuse',
  contractAfterSeconds: 604_800,
  migrationDeadlineSeconds: 1800,
  seeds: false,
}

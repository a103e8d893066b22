import { describe, expect, it } from 'vitest'
import { effectivePolicy } from '../../api/policy.ts'
import type { InstanceSpec } from '../../api/notejam.ts'
import type { Connection } from '../../instance/connection.ts'
import { builtInConnection, builtInEngine } from '../../instance/database-connection.ts'
import { findPodSecurityViolations, type PodSpecLike } from '../../instance/resources/pod-security.ts'
import { sampleInstance } from '../../instance/resources/sample-instances.ts'
import { buildRehearsalJob } from './rehearsal-job.ts'
import type { NamedStore } from './store-pod.ts'

const store: NamedStore = {
  name: 'offsite',
  spec: {
    s3: { endpoint: 'https://s3.example.org', bucket: 'notes', credentialsSecretRef: { name: 'keys' } },
    encryption: { recipients: ['age1test'], identitySecretRef: { name: 'test-key' } },
  },
}
const image = 'registry.example/notejam:2'

function podOf(database: InstanceSpec['database']) {
  const instance = sampleInstance({ environment: 'Test', image, database, backup: { storeRef: { name: 'offsite' } } })
  const engine = builtInEngine(instance)
  const connection: Connection = engine === undefined ? { type: 'SQLite' } : builtInConnection(instance, engine)
  const job = buildRehearsalJob({
    ...{ instance, policy: effectivePolicy(instance.spec), connection, image, besideApp: true },
    ...{ stores: { first: store, second: undefined }, backupID: 'b', deadlineSeconds: 600, name: 'notes-r2-rehearse', operationID: 'r2' },
  })
  return (job as unknown as { readonly spec: { readonly template: { readonly spec: PodSpecLike } } }).spec.template.spec
}

describe('buildRehearsalJob', () => {
  const sqlite = podOf({ type: 'SQLite', sqlite: { storage: {} } })
  const builtIn = podOf({ type: 'PostgreSQL', builtIn: { image: 'postgres:17', storage: {} } })

  it('reads the archive that is named, and nothing of the database of the instance', () => {
    const text = JSON.stringify(sqlite)

    expect(text).toContain('["rehearse","--backup","b","--deadline","600"]')
    expect(text).toContain('"STORE_IDENTITY_FILE"')
    expect(text + JSON.stringify(builtIn)).not.toMatch(/"DATABASE_|"DB_|SECRET_KEY|persistentVolumeClaim|podAffinity/)
  })

  it('has a throw-away server of the image that the instance uses, which SQLite does not need', () => {
    expect(JSON.stringify(sqlite)).not.toContain('initContainers')
    expect(builtIn).toMatchObject({ initContainers: [{ name: 'server', image: 'postgres:17', restartPolicy: 'Always' }] })
    expect(JSON.stringify(builtIn)).toContain('"SCRATCH_DATABASE_URL"')
  })

  it('keeps to the restricted profile', () => {
    expect([...findPodSecurityViolations(sqlite), ...findPodSecurityViolations(builtIn)]).toEqual([])
  })
})

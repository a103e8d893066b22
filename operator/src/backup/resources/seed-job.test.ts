import { describe, expect, it } from 'vitest'
import { effectivePolicy } from '../../api/policy.ts'
import { findPodSecurityViolations, type PodSpecLike } from '../../instance/resources/pod-security.ts'
import { sampleInstance } from '../../instance/resources/sample-instances.ts'
import { buildSeedJob } from './seed-job.ts'
import type { NamedStore } from './store-pod.ts'

const store: NamedStore = {
  name: 'from-prod',
  spec: {
    s3: { endpoint: 'https://s3.example.org', bucket: 'copies', credentialsSecretRef: { name: 'reader' } },
    encryption: { recipients: ['age1test'], identitySecretRef: { name: 'test-key' } },
  },
}
const instance = sampleInstance(
  { environment: 'Test', image: 'registry.example/notejam:1', database: { type: 'SQLite', sqlite: { storage: {} } } },
  { status: { databaseIdentity: { instanceUID: 'u', environment: 'Test', fingerprint: 'f00d' } } },
)
const job = buildSeedJob({
  ...{ instance, policy: effectivePolicy(instance.spec), connection: { type: 'SQLite' }, image: 'registry.example/notejam:1' },
  ...{ besideApp: false, stores: { first: store, second: undefined }, deadlineSeconds: 600, name: 'notes-r1-seed', operationID: 'r1' },
  source: { store, instance: 'prod/notes', backupID: 'Latest' },
})

describe('buildSeedJob', () => {
  it('names the copy, and the mark that the database must bear', () => {
    const text = JSON.stringify(job)

    expect(text).toContain('["seed","--from","prod/notes","--backup","Latest","--wait","60","--deadline","600"]')
    expect(text).toContain('{"name":"NOTEJAM_FINGERPRINT","value":"f00d"}')
    expect(text).toContain('{"name":"NOTEJAM_ENVIRONMENT","value":"Test"}')
    expect(text).toContain('{"name":"SOURCE_STORE_S3_BUCKET","value":"copies"}')
    expect(text).toContain('{"name":"SOURCE_STORE_IDENTITY_FILE"')
  })

  it('keeps to the restricted profile, and to the way that is open to backups', () => {
    const { spec } = job as unknown as { spec: { template: { metadata: { labels: object }; spec: PodSpecLike } } }

    expect(findPodSecurityViolations(spec.template.spec)).toEqual([])
    expect(spec.template.metadata.labels).toMatchObject({ 'app.kubernetes.io/component': 'backup' })
  })
})

import { describe, expect, it } from 'vitest'
import { describeConnection } from '../../instance/connection.ts'
import { effectivePolicy } from '../../api/policy.ts'
import { buildNetworkPolicies } from '../../instance/resources/network-policies.ts'
import { sampleInstance, samples } from '../../instance/resources/sample-instances.ts'
import { storeEnvironment, type NamedStore } from './store-pod.ts'

const bucket = { endpoint: 'https://s3.example.org', bucket: 'notes' }
const storeOf = (more: object): NamedStore => ({
  name: 'offsite',
  spec: { s3: { ...bucket, ...more }, encryption: { recipients: ['age1a'] } },
})
const keysOf = (store: NamedStore, use: 'Write' | 'Prune') =>
  storeEnvironment(store, 'STORE_', use).flatMap((variable) =>
    'valueFrom' in variable
      ? [JSON.stringify(variable).replace(/.*"name":"STORE_S3_(\w+)".*"secretKeyRef":\{"name":"(\w+)".*/, '$1 of $2')]
      : [],
  )

describe('the credentials of a bucket', () => {
  it.each([
    ['of the writer', { credentialsSecretRef: { name: 'writer' } }, 'Write', 'writer'],
    ['of the writer to prune, where there is no other', { credentialsSecretRef: { name: 'writer' } }, 'Prune', 'writer'],
    ['of who may delete', { credentialsSecretRef: { name: 'writer' }, pruneCredentialsSecretRef: { name: 'pruner' } }, 'Prune', 'pruner'],
    ['of who may delete, beside a service account that writes', { pruneCredentialsSecretRef: { name: 'pruner' } }, 'Prune', 'pruner'],
  ] as const)('are those %s', (_whose, refs, use, secret) => {
    expect(keysOf(storeOf(refs), use)).toEqual([
      `ACCESS_KEY_ID of ${secret}`,
      `SECRET_ACCESS_KEY of ${secret}`,
      `SESSION_TOKEN of ${secret}`,
    ])
  })

  it('are those of the service account where no Secret is named', () => {
    expect(keysOf(storeOf({}), 'Write')).toEqual([])
    expect(keysOf(storeOf({ pruneCredentialsSecretRef: { name: 'pruner' } }), 'Write')).toEqual([])
  })

  it('are got over a way of their own, which others do not have', () => {
    const { instance, database } = samples.backups
    const described = describeConnection(instance.spec, new Map(Object.entries(database).map(([name, text]) => [name, Buffer.from(text)])))
    if (!('connection' in described)) throw new TypeError('the sample lacks its connection')
    const input = { instance: sampleInstance(instance.spec), policy: effectivePolicy(instance.spec), connection: described.connection }
    const waysOf = (store: NamedStore) => JSON.stringify(buildNetworkPolicies({ ...input, mail: undefined, stores: [store] }))

    expect(waysOf(storeOf({}))).toContain('169.254.170.23/32')
    expect(waysOf(storeOf({ credentialsSecretRef: { name: 'writer' } }))).not.toContain('169.254.170.23')
  })
})

describe('how a bucket is named in an address', () => {
  it.each([
    [undefined, 'Auto'],
    ['Always', 'true'],
    ['Never', 'false'],
  ])('%s is told as %s', (pathStyle, value) => {
    const environment = storeEnvironment(storeOf(pathStyle === undefined ? {} : { pathStyle }), 'STORE_', 'Write')

    expect(environment).toContainEqual({ name: 'STORE_S3_PATH_STYLE', value })
  })
})

import dns from 'node:dns'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createS3Store } from '../../app/src/archive/stores/s3-store.ts'
import type { S3Config } from '../../app/src/archive/stores/store-config.ts'
import { notejam } from './notejam.ts'
import { startObjectStore, type ObjectStore } from './object-store.ts'
import { sampleOwner as owner } from './sample-archives.ts'

const domain = 's3.example.org'

let server: ObjectStore
let s3: S3Config
beforeAll(async () => {
  server = await startObjectStore()
  s3 = await server.createBucket()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

describe('a bucket that is named in the host name', () => {
  test('is written, listed, read and pruned there', async () => {
    await using virtual = await startObjectStore({ virtualDomain: domain })
    const asked: string[] = []
    const here: typeof dns.lookup = Object.assign((name: string, ...more: readonly unknown[]) => {
      asked.push(name)
      const [options, callback] = (more.length === 1 ? [{}, ...more] : more) as [{ all?: boolean }, (...answer: unknown[]) => void]
      if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
      else callback(null, '127.0.0.1', 4)
    }, dns.lookup)
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation(here as never)
    const named: S3Config = { ...s3, bucket: 'by-name', endpoint: `http://${domain}:${virtual.port}`, pathStyle: false }
    const store = createS3Store({ name: 'offsite', s3: named })
    try {
      await mkdir(join(virtual.folder, 'by-name'))

      await store.write(
        'a/data',
        (async function* () {
          yield Buffer.from('archive')
        })(),
      )
      await store.create('a/manifest.json', '{}')
      const keys: string[] = []
      for await (const { key } of store.list('a/')) keys.push(key)
      const read = await store.readText('a/manifest.json', 10)
      await store.remove(['a/data'])

      expect(keys.toSorted()).toEqual(['a/data', 'a/manifest.json'])
      expect(read).toBe('{}')
      expect(new Set(asked)).toEqual(new Set([`by-name.${domain}`]))
    } finally {
      await store.close()
      lookup.mockRestore()
    }
  })
})

/** Gives the keys of the object store to who shows the token: as Amazon's STS does, and as the agent of a node does; without a session, of which that server knows nothing. */
async function startIdentity(token: string) {
  const asked: string[] = []
  const { accessKeyId, secretAccessKey } = server.credentials
  const expiration = new Date(Date.now() + 3_600_000).toISOString()
  const bodyOf = async (request: IncomingMessage) => {
    let text = ''
    for await (const chunk of request as AsyncIterable<Buffer>) text += chunk.toString()
    return text
  }
  const identity = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const isWeb = body.includes('Action=AssumeRoleWithWebIdentity')
      asked.push(isWeb ? 'web identity' : 'pod identity')
      const isGood = isWeb ? body.includes(`WebIdentityToken=${token}`) : request.headers.authorization === token
      if (!isGood) return response.writeHead(403).end()
      const keys = `<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey><SessionToken></SessionToken>`
      const answer = isWeb
        ? `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>${keys}<Expiration>${expiration}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`
        : JSON.stringify({ AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: '', Expiration: expiration })
      return response.writeHead(200, { 'content-type': isWeb ? 'text/xml' : 'application/json' }).end(answer)
    })
  })
  await new Promise<void>((resolve) => {
    identity.listen(0, '127.0.0.1', resolve)
  })
  const folder = await mkdtemp(join(tmpdir(), 'notejam-identity-'))
  const tokenFile = join(folder, 'token')
  await writeFile(tokenFile, token)
  return {
    asked,
    url: `http://127.0.0.1:${(identity.address() as AddressInfo).port}`,
    tokenFile,
    [Symbol.asyncDispose]: async () => {
      identity.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

describe('a store without credentials of its own', () => {
  const owned = { NOTEJAM_NAMESPACE: owner.namespace, NOTEJAM_INSTANCE: owner.instance, NOTEJAM_INSTANCE_UID: owner.instanceUid }
  const place = () => ({ STORE_S3_ENDPOINT: server.endpoint, STORE_S3_BUCKET: s3.bucket, STORE_RECIPIENTS: `age1${'q'.repeat(58)}` })
  const run = (more: Readonly<Record<string, string>>) => notejam(['catalog'], { ...owned, ...place(), ...more })

  test.each(['web identity', 'pod identity'])('is reached with what the pod has: %s', async (kind) => {
    await using identity = await startIdentity('shown-token')
    const environment: Readonly<Record<string, string>> =
      kind === 'web identity'
        ? {
            ...{ AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/notes', AWS_WEB_IDENTITY_TOKEN_FILE: identity.tokenFile },
            ...{ AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL_STS: identity.url },
          }
        : {
            AWS_CONTAINER_CREDENTIALS_FULL_URI: `${identity.url}/v1/credentials`,
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: identity.tokenFile,
          }

    const { code, stdout, stderr } = await run(environment)

    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ command: 'catalog' })])
    expect(identity.asked).toEqual([kind])
    for (const secret of [...Object.values(server.credentials), 'shown-token']) expect(stdout + stderr).not.toContain(secret)
  })

  test('is refused in one clear message where the pod has none', async () => {
    const { code, stdout } = await run({ AWS_EC2_METADATA_DISABLED: 'true' })

    expect(code).toBe(7)
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'StoreUnavailable', message: expect.stringMatching(/credentials/i) })
  })
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../errors.ts'
import { requireStoreConfig } from './open-store.ts'
import { readStoreConfig } from './store-config.ts'

const bucket = {
  STORE_S3_ENDPOINT: 'https://s3.example.org/',
  STORE_S3_BUCKET: 'backups',
  STORE_S3_ACCESS_KEY_ID: 'the-id',
  STORE_S3_SECRET_ACCESS_KEY: 'the-secret',
}

function read(environment: Readonly<Record<string, string>>) {
  const problems: string[] = []
  return { config: readStoreConfig(environment, 'STORE_', problems), problems }
}

const s3Of = (environment: Readonly<Record<string, string>>) => {
  const { config } = read(environment)
  return config?.target.type === 'S3' ? config.target.s3 : undefined
}

test('a bucket has its defaults', () => {
  expect(read(bucket)).toEqual({
    problems: [],
    config: {
      name: 'primary',
      prefix: '',
      encryption: { mode: 'Age', recipients: [], identityFile: undefined },
      target: {
        type: 'S3',
        s3: {
          ...{
            endpoint: 'https://s3.example.org',
            region: 'us-east-1',
            bucket: 'backups',
            pathStyle: true,
            caFile: undefined,
            objectLock: 'Auto',
          },
          credentials: { accessKeyId: 'the-id', secretAccessKey: 'the-secret', sessionToken: undefined },
        },
      },
    },
  })
})

test('a folder is a folder, of the role that is asked for', () => {
  const problems: string[] = []
  const environment = { ...bucket, SECOND_STORE_PATH: '/backups', SECOND_STORE_NAME: 'volume', SECOND_STORE_PREFIX: '/a/b/' }

  expect(readStoreConfig(environment, 'SECOND_STORE_', problems)).toMatchObject({
    ...{ name: 'volume', prefix: 'a/b' },
    target: { type: 'Folder', path: '/backups' },
  })
  expect(readStoreConfig({ STORE_PATH: '' }, 'STORE_', problems)).toBeUndefined()
  expect(problems).toEqual([])
})

describe('path style', () => {
  test.each([
    [{}, true],
    [{ STORE_S3_ENDPOINT: 'https://s3.eu-north-1.amazonaws.com' }, false],
    [{ STORE_S3_ENDPOINT: '', STORE_S3_REGION: 'eu-north-1' }, false],
    [{ STORE_S3_ENDPOINT: '', STORE_S3_REGION: 'eu-north-1', STORE_S3_BUCKET: 'with.dots' }, true],
    [{ STORE_S3_PATH_STYLE: 'false' }, false],
    [{ STORE_S3_ENDPOINT: '', STORE_S3_REGION: 'eu-north-1', STORE_S3_PATH_STYLE: 'true' }, true],
  ])('of %o is %s', (more, expected) => {
    expect(s3Of({ ...bucket, ...more })?.pathStyle).toBe(expected)
  })
})

describe('credentials', () => {
  test('come from files as well', () => {
    const folder = mkdtempSync(join(tmpdir(), 'notejam-config-'))
    writeFileSync(join(folder, 'secret'), 'from a file\n')

    const s3 = s3Of({ ...bucket, STORE_S3_SECRET_ACCESS_KEY: '', STORE_S3_SECRET_ACCESS_KEY_FILE: join(folder, 'secret') })

    expect(s3?.credentials?.secretAccessKey).toBe('from a file')
    rmSync(folder, { recursive: true })
  })

  test('are those of the pod where none are given', () => {
    expect(s3Of({ ...bucket, STORE_S3_ACCESS_KEY_ID: '', STORE_S3_SECRET_ACCESS_KEY: '' })).toMatchObject({ credentials: undefined })
  })
})

describe('is refused', () => {
  test.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['half of a key pair', { STORE_S3_SECRET_ACCESS_KEY: '' }, /^STORE_S3_ACCESS_KEY_ID: and S3_SECRET_ACCESS_KEY go together/],
    ['a bucket and a folder', { STORE_PATH: '/backups' }, /^STORE_PATH: is set together with STORE_S3_BUCKET/],
    ['an endpoint with a password', { STORE_S3_ENDPOINT: 'https://me:planted@s3.example.org' }, /^STORE_S3_ENDPOINT: must be a URL/],
    ['an endpoint of another kind', { STORE_S3_ENDPOINT: 'ftp://s3.example.org' }, /^STORE_S3_ENDPOINT: must be a URL/],
    ['neither endpoint nor region', { STORE_S3_ENDPOINT: '' }, /^STORE_S3_REGION: is not set/],
    ['a prefix that leads elsewhere', { STORE_PREFIX: 'a/../../b' }, /^STORE_PREFIX: must be names/],
    ['a word of another list', { STORE_S3_OBJECT_LOCK: 'Always' }, /^STORE_S3_OBJECT_LOCK: must be one of Auto, Off/],
    ['a bucket that is a path', { STORE_S3_BUCKET: 'a/b' }, /^STORE_S3_BUCKET: must be the name of a bucket/],
    [
      'a private key as recipient',
      { STORE_RECIPIENTS: 'AGE-SECRET-KEY-1planted' },
      /^STORE_RECIPIENTS: must list public keys of age; not one: AGE-…$/,
    ],
    ['a file that is not there', { STORE_S3_SESSION_TOKEN_FILE: '/nonexistent' }, /^STORE_S3_SESSION_TOKEN_FILE: cannot read it/],
  ])('%s', (_name, more, message) => {
    const { problems } = read({ ...bucket, ...more })

    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(message)
    expect(problems[0]).not.toContain('planted')
  })

  test('no store at all, where one is needed', () => {
    expect(() => requireStoreConfig({}, 'TARGET_STORE_')).toThrow(ConfigError)
    expect(() => requireStoreConfig({}, 'TARGET_STORE_')).toThrow('TARGET_STORE_S3_BUCKET or TARGET_STORE_PATH')
  })
})

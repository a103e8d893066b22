import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import type { S3Config } from '../../app/src/archive/stores/store-config.ts'
import { ensureBinaries } from '../cluster/binaries.ts'
import { freePorts } from '../cluster/free-ports.ts'
import { Authority } from '../cluster/pki.ts'
import { createProgress } from '../cluster/progress.ts'

/** An S3 server of its own for a test file: versitygw over a folder. */
export interface ObjectStore extends AsyncDisposable {
  readonly endpoint: string
  readonly port: number
  /** Of the administrator; of this server only. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** A PEM file with the authority that signed its certificate; undefined without TLS. */
  readonly caFile: string | undefined
  /** Where the buckets are, as folders. */
  readonly folder: string
  /** Makes a bucket with a name of its own and says how it is reached. */
  createBucket(options?: { readonly objectLock?: boolean }): Promise<S3Config>
  /** The server's own client, to look at what a store did. */
  readonly client: S3Client
}

/** How an {@link ObjectStore} is reached. */
export interface ObjectStoreOptions {
  readonly tls?: boolean
  /** Address of this machine that it listens on. */
  readonly host?: string
  /** Below which each bucket has a host name of its own. */
  readonly virtualDomain?: string
}

const credentials = { accessKeyId: 'tests-access-key', secretAccessKey: 'tests-secret-access-key' }

/** Starts an S3 server, on loopback unless told otherwise; disposing of it removes all that was stored. */
export async function startObjectStore({ tls = false, host = '127.0.0.1', virtualDomain }: ObjectStoreOptions = {}): Promise<ObjectStore> {
  const { versitygw } = await ensureBinaries(['versitygw'], { progress: createProgress() })
  const root = await mkdtemp(join(tmpdir(), 'notejam-s3-'))
  const folder = join(root, 'buckets')
  await Promise.all(['buckets', 'versions', 'metadata'].map((name) => mkdir(join(root, name))))
  const certificate = tls ? await writeCertificate(root) : undefined
  const { child, port } = await startServer(versitygw, root, host, [
    ...(certificate?.flags ?? []),
    ...(virtualDomain === undefined ? [] : ['--virtual-domain', virtualDomain]),
  ])
  const endpoint = `${tls ? 'https' : 'http'}://${host}:${port}`
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
  let buckets = 0
  return {
    endpoint,
    port,
    credentials,
    caFile: certificate?.caFile,
    folder,
    client,
    createBucket: async ({ objectLock = false } = {}) => {
      buckets += 1
      const bucket = `bucket-${buckets}`
      if (tls) {
        // Our client does not know the authority; a bucket is a folder.
        await mkdir(join(folder, bucket))
      } else {
        await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: objectLock }))
      }
      return { endpoint, region: 'us-east-1', bucket, pathStyle: true, caFile: certificate?.caFile, objectLock: 'Auto', credentials }
    },
    [Symbol.asyncDispose]: async () => {
      client.destroy()
      await stop(child)
      await rm(root, { recursive: true, force: true })
    },
  }
}

async function writeCertificate(root: string): Promise<{ readonly caFile: string; readonly flags: readonly string[] }> {
  const authority = Authority.create('tests')
  const { cert, key } = authority.issue({ commonName: 'object store', usages: ['server'], names: ['localhost', '127.0.0.1'] })
  const path = (name: string) => join(root, name)
  await Promise.all([
    writeFile(path('ca.crt'), authority.cert),
    writeFile(path('server.crt'), cert),
    writeFile(path('server.key'), key, { mode: 0o600 }),
  ])
  return { caFile: path('ca.crt'), flags: ['--cert', path('server.crt'), '--key', path('server.key')] }
}

async function startServer(
  program: string,
  root: string,
  host: string,
  flags: readonly string[],
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const [port = 0] = await freePorts(1)
    const child = spawn(
      program,
      [
        ...['--port', `${host}:${port}`, '--quiet', '--keep-alive', ...flags, 'posix'],
        ...['--sidecar', join(root, 'metadata'), '--versioning-dir', join(root, 'versions'), join(root, 'buckets')],
      ],
      {
        env: { ROOT_ACCESS_KEY_ID: credentials.accessKeyId, ROOT_SECRET_ACCESS_KEY: credentials.secretAccessKey },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    let complaint = ''
    child.stderr.on('data', (bytes: Buffer) => {
      complaint += bytes.toString()
    })
    if (await answers(host, port, child)) {
      return { child, port }
    }
    await stop(child)
    if (attempt === 5) {
      throw new Error(`the S3 server did not start: ${complaint}`)
    }
  }
}

/** Whether somebody listens on the port before the process ends; any answer will do. */
async function answers(host: string, port: number, child: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + 20_000
  while (child.exitCode === null && performance.now() < deadline) {
    const answer = await fetch(`http://${host}:${port}/`).catch((error: unknown) => error)
    // A server with TLS ends a connection without it: it is there as well.
    const refused = String((answer as { readonly cause?: { readonly code?: string } }).cause?.code) === 'ECONNREFUSED'
    if (!refused) {
      return true
    }
    await sleep(20)
  }
  return false
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
}

import { open, readFile, utimes } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import type { Manifest } from '../../app/src/archive/manifest.ts'
import type { ObjectStore } from '../app/object-store.ts'

const dayMs = 86_400_000

/** An archive as it lies in the bucket. */
export interface StoredArchive {
  readonly id: string
  /** Of its folder, with a slash at its end. */
  readonly prefix: string
  readonly manifest: Manifest
}

/** A bucket as whoever runs the store sees it, and what happens to disks and with time. */
export class ArchiveBucket {
  readonly #store: ObjectStore
  readonly #bucket: string

  constructor(store: ObjectStore, bucket: string) {
    this.#store = store
    this.#bucket = bucket
  }

  /** An archive; undefined when it is not there. */
  async find(id: string): Promise<StoredArchive | undefined> {
    const end = `${id}/manifest.json`
    const key = (await this.#keys()).find((found) => found.endsWith(`/${end}`))
    if (key === undefined) return undefined
    const manifest = JSON.parse((await this.#read(key)).toString()) as Manifest
    return { id, prefix: key.slice(0, -'manifest.json'.length), manifest }
  }

  /** A disk gives back another byte than it took: one bit in the middle of the data, without the store's noticing. */
  async flipByte({ prefix }: StoredArchive): Promise<void> {
    await using file = await open(this.#path(`${prefix}data.age`), 'r+')
    const middle = Math.floor((await file.stat()).size / 2)
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, middle)
    await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, middle)
  }

  /** A copy of an archive, as if it had been taken some days before; `verification` and all. */
  async copyOlder(archive: StoredArchive, days: number): Promise<StoredArchive> {
    const earlier = (time: string): Date => new Date(Date.parse(time) - days * dayMs)
    const { startTime, completionTime } = archive.manifest
    const stamp = earlier(startTime)
      .toISOString()
      .replaceAll(/[-:]|\.\d+/g, '')
    const id = `${stamp}${archive.id.slice(archive.id.indexOf('-'))}`
    const times = { startTime: earlier(startTime).toISOString(), completionTime: earlier(completionTime).toISOString() }
    const manifest: Manifest = { ...archive.manifest, backupID: id, ...times }
    const prefix = archive.prefix.replace(archive.id, id)
    const names = (await this.#keys(archive.prefix)).map((key) => key.slice(archive.prefix.length))
    // The manifest is what is written last.
    for (const name of names.toSorted((a, b) => Number(a === 'manifest.json') - Number(b === 'manifest.json'))) {
      const bytes = await this.#read(`${archive.prefix}${name}`)
      const body = name === 'manifest.json' ? JSON.stringify(manifest) : name.endsWith('.json') ? renamed(bytes, archive.id, id) : bytes
      await this.#store.client.send(new PutObjectCommand({ Bucket: this.#bucket, Key: `${prefix}${name}`, Body: body }))
      await utimes(this.#path(`${prefix}${name}`), earlier(completionTime), earlier(completionTime))
    }
    return { id, prefix, manifest }
  }

  async remove({ prefix }: StoredArchive): Promise<void> {
    for (const key of await this.#keys(prefix)) await this.#store.client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }))
  }

  async #keys(prefix = ''): Promise<readonly string[]> {
    const listed = await this.#store.client.send(new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix }))
    if (listed.IsTruncated === true) throw new Error('the bucket of a test has more than one page')
    return (listed.Contents ?? []).map(({ Key = '' }) => Key)
  }

  /** Past the store, which may refuse to give out what is damaged. */
  async #read(key: string): Promise<Buffer> {
    return await readFile(this.#path(key))
  }

  #path(key: string): string {
    return join(this.#store.folder, this.#bucket, key)
  }
}

function renamed(bytes: Buffer, from: string, to: string): string {
  return bytes.toString().replaceAll(from, to)
}

/** A way for the pods of one cluster to a store on loopback, which outlives the cluster. */
export interface StoreDoor extends AsyncDisposable {
  readonly endpoint: string
}

/** Listens at the address by which pods reach this machine. */
export async function openStoreDoor(host: string, store: Pick<ObjectStore, 'port'>): Promise<StoreDoor> {
  const sockets = new Set<Socket>()
  const server = createServer((incoming) => {
    const outgoing = connect(store.port, '127.0.0.1')
    for (const [one, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  const { promise: listening, resolve, reject } = Promise.withResolvers<undefined>()
  server.once('error', reject)
  server.listen(0, host, () => resolve(undefined))
  await listening
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    endpoint: `http://${host}:${port}`,
    [Symbol.asyncDispose]: async () => {
      const { promise: closed, resolve: end } = Promise.withResolvers<undefined>()
      server.close(() => end(undefined))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

import { request } from 'undici'
import { ClusterError } from './errors.ts'

async function post(port: number, path: string, body: unknown): Promise<unknown> {
  const response = await request(`http://127.0.0.1:${port}${path}`, { method: 'POST', body: JSON.stringify(body), headersTimeout: 10_000 })
  const text = await response.body.text()
  if (response.statusCode !== 200) throw new ClusterError('ApiFailed', `etcd answered ${response.statusCode} to ${path}: ${text}`)
  return JSON.parse(text)
}

/** Whether etcd on this port serves. */
export async function etcdHealthy(port: number): Promise<boolean> {
  const response = await request(`http://127.0.0.1:${port}/health`, { headersTimeout: 1000, reset: true })
  await response.body.dump()
  return response.statusCode === 200
}

/**
 * Throws away all of etcd's history before now, through its JSON gateway, and gives the revision that is left. The API server answers from
 * its own cache of some hundred events per kind, so 410 `Expired` comes only to those who ask for a revision after a restart of it.
 */
export async function compactEtcd(port: number): Promise<number> {
  const range = (await post(port, '/v3/kv/range', { key: Buffer.from('/').toString('base64') })) as {
    readonly header: { readonly revision: string }
  }
  const { revision } = range.header
  await post(port, '/v3/kv/compaction', { revision, physical: true })
  return Number(revision)
}

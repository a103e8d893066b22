import { join } from 'node:path'
import { request } from 'undici'
import { stringify } from 'yaml'
import { cacheRoot } from '../cache.ts'
import type { AddonContext, AddonPlan } from './addon.ts'

/**
 * The image registry of a cluster, on its host address. What was pushed is kept in the cache, beyond the cluster: all registries of a
 * machine share one content-addressed store, so that an image is pushed once.
 */
export function registryAddon(context: AddonContext, binary: string, port: number): AddonPlan {
  const address = `${context.layout.gateway}:${port}`
  const config = {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(cacheRoot(), 'registry-data') },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    // Signs upload addresses; one process alone reads them, and anyone who reaches it may push.
    http: { addr: address, secret: 'notejam', headers: { 'X-Content-Type-Options': ['nosniff'] } },
  }
  return {
    objects: [],
    component: {
      name: 'registry',
      command: [binary, 'serve', context.file('config.yaml', stringify(config))],
      env: { OTEL_TRACES_EXPORTER: 'none' },
    },
    ready: async () => (await request(`http://${address}/v2/`, { headersTimeout: 1000 })).statusCode === 200,
  }
}

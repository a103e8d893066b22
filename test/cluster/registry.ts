import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { request } from 'undici'
import { stringify } from 'yaml'

import { cacheRoot } from './cache.ts'
import type { ComponentSpec } from './component.ts'

/** A running registry, as those who push to it and those who pull from it know it. */
export interface Registry {
  /** `host:port` at which this process reaches it, by plain HTTP. */
  readonly address: string
  /** The host part of image names; nodes resolve it to the address by containerd's `hosts.toml`. */
  readonly host: string
}

/** Where a registry listens and keeps its files. */
export interface RegistryOptions {
  /** Path of the `registry` binary. */
  readonly binary: string
  /** `host:port` to listen on. */
  readonly address: string
  /** Folder for the configuration file. */
  readonly folder: string
  /** Folder of the images; default: one in the cache, which all clusters share, so that nothing is pushed twice. */
  readonly storage?: string
}

/** The program that serves a registry; who starts it also ends it. Ready when {@link registryReady} says so. */
export function registryComponent(options: RegistryOptions): ComponentSpec {
  const storage = options.storage ?? path.join(cacheRoot(), 'registry-data')
  mkdirSync(storage, { recursive: true })
  mkdirSync(options.folder, { recursive: true })
  const file = path.join(options.folder, 'registry.yaml')
  writeFileSync(
    file,
    stringify({
      version: 0.1,
      log: { level: 'warn', accesslog: { disabled: true } },
      // No cache of what is there: other registries write to the same folder.
      storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true }, maintenance: { uploadpurging: { enabled: false } } },
      http: { addr: options.address, draintimeout: '2s' },
    }),
  )
  return { name: 'registry', command: [options.binary, 'serve', file], env: { OTEL_TRACES_EXPORTER: 'none' } }
}

/** Whether the registry answers. */
export async function registryReady(address: string): Promise<boolean> {
  const response = await request(`http://${address}/v2/`, { signal: AbortSignal.timeout(2000) })
  await response.body.dump()
  return response.statusCode === 200
}

/** containerd's `hosts.toml` for {@link Registry.host}: plain HTTP to the address, and no other place to ask. */
export function registryHostsToml(address: string): string {
  return `server = "http://${address}"\n\n[host."http://${address}"]\n  capabilities = ["pull", "resolve"]\n`
}

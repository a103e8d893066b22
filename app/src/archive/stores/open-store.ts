import { ConfigError } from '../../errors.ts'
import { FolderStore } from './folder-store.ts'
import { readStoreConfig, type StoreConfig, type StoreRole } from './store-config.ts'
import type { Store } from './store.ts'

/** Options of {@link openStore}. */
export interface OpenStoreOptions {
  /** Told what a person should know and no one needs to act on at once, such as a server without conditional writes. */
  readonly onNotice?: (message: string) => void
}

/** Opens a store; nothing is asked of it yet. The S3 client is loaded only for a bucket. */
export async function openStore({ name, prefix, target }: StoreConfig, options: OpenStoreOptions = {}): Promise<Store> {
  if (target.type === 'Folder') {
    return new FolderStore({ name, path: target.path, prefix })
  }
  const { createS3Store } = await import('./s3-store.ts')
  return createS3Store({ name, prefix, s3: target.s3, ...options })
}

/**
 * The store that a command cannot do without.
 *
 * @throws {@link ConfigError} with every problem of its variables, or when there are none
 */
export function requireStoreConfig(environment: Readonly<Record<string, string | undefined>>, role: StoreRole = 'STORE_'): StoreConfig {
  const problems: string[] = []
  const config = readStoreConfig(environment, role, problems)
  if (config === undefined && problems.length === 0) {
    problems.push(`${role}S3_BUCKET or ${role}PATH: one of them says where the archives are, and none is set`)
  }
  if (config === undefined || problems.length > 0) {
    throw new ConfigError(problems)
  }
  return config
}

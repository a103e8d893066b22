import type { DatabaseConfig, ServerConfig } from '../../db/database-config.ts'

/** Narrows to a server. @throws Error for a SQLite file: a mistake of ours */
export function serverOf(config: DatabaseConfig): ServerConfig {
  if (config.engine === 'sqlite') throw new Error('a SQLite file is no server')
  return config
}

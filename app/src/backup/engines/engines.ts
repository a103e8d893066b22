import type { Engine } from '../../db/engine.ts'
import type { DataEngine } from './data-engine.ts'
import { mysqlEngine } from './mysql.ts'
import { postgresEngine } from './postgres.ts'
import { sqliteEngine } from './sqlite.ts'

/** How each engine dumps and loads. */
export const dataEngines: Readonly<Record<Engine, DataEngine>> = {
  sqlite: sqliteEngine,
  postgres: postgresEngine,
  mysql: mysqlEngine,
}

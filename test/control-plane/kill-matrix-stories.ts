import type { KubeObject } from '../cluster/api-client.ts'
import { recipients, storeType } from './backup-scene.ts'
import { imageOf } from './fleet-world.ts'
import { instanceType } from './instance-scene.ts'

/** What a release does to the data. */
export type Strategy = 'Wipe' | 'Upgrade' | 'BackupThenMigrate'
/** As `spec.database.type` names it; MySQL stands for MariaDB too. */
export type Engine = 'PostgreSQL' | 'MySQL' | 'SQLite'
/** How a release ends; `BadRollout`: its pods end again and again. */
export type Ending = 'Good' | 'BadMigration' | 'BadPages' | 'BadRollout'

/** One row of the matrix: a release that is repeated, with the operator killed at one write after the other. */
export interface Story {
  readonly strategy: Strategy
  readonly engine: Engine
  readonly ending: Ending
}

const strategies = ['Wipe', 'Upgrade', 'BackupThenMigrate'] as const
const engines = ['PostgreSQL', 'MySQL', 'SQLite'] as const

/** Ways to fail that a strategy notices before it is through; Wipe has no pods to try pages in, before or after. */
const failures: Readonly<Record<Strategy, readonly Ending[]>> = {
  Wipe: ['BadMigration', 'BadRollout'],
  Upgrade: ['BadMigration', 'BadPages', 'BadRollout'],
  BackupThenMigrate: ['BadMigration', 'BadPages', 'BadRollout'],
}

/** Every strategy on every engine that it allows, which is all of them (Production does not run SQLite, its strategy does). */
export const goodStories: readonly Story[] = strategies.flatMap((strategy) =>
  engines.map((engine): Story => ({ strategy, engine, ending: 'Good' })),
)

/** Every way to fail of every strategy, on one engine each. */
export const badStories: readonly Story[] = strategies.flatMap((strategy, row) =>
  failures[strategy].map((ending, column): Story => ({ strategy, engine: engines[(row + column) % engines.length] ?? 'SQLite', ending })),
)

/** Some of each: every strategy and every engine is among them. */
export const sampledStories: readonly Story[] = [
  { strategy: 'Wipe', engine: 'SQLite', ending: 'Good' },
  { strategy: 'Upgrade', engine: 'PostgreSQL', ending: 'Good' },
  { strategy: 'BackupThenMigrate', engine: 'MySQL', ending: 'Good' },
  { strategy: 'Wipe', engine: 'MySQL', ending: 'BadRollout' },
  { strategy: 'BackupThenMigrate', engine: 'PostgreSQL', ending: 'BadPages' },
]

/** What the database is told in a release, each command once, in alphabetical order; what is not here must not run. */
export function commandsOf({ strategy, ending }: Story): readonly string[] {
  const failsEarly = ending === 'BadMigration'
  switch (strategy) {
    case 'Wipe':
      return ['inspect', 'migrate', ...(failsEarly ? [] : ['seed']), 'wipe']
    case 'Upgrade':
      return ['contract', 'migrate', ...(failsEarly || ending === 'BadRollout' ? [] : ['verify'])]
    case 'BackupThenMigrate':
      return ['backup', 'contract', 'inspect', 'migrate', ...(failsEarly ? [] : ['smoke'])]
  }
}

const words: Readonly<Record<Ending, string>> = {
  Good: 'expand-contract',
  BadMigration: 'badmigration-expand',
  BadPages: 'badpages-expand',
  BadRollout: 'crash-expand',
}

/** The tag of an image that ends so: each adds to the schema, and good ones leave something in it to be removed by the next release. */
export function tagOf(ending: Ending, nth: number): string {
  return `${words[ending]}-${String(nth).padStart(3, '0')}`
}

/** The image of a tag: Production takes digests only. */
export function imageFor({ strategy, engine }: Story, tag: string): string {
  return imageOf(tag, isProduction(strategy, engine))
}

function isProduction(strategy: Strategy, engine: Engine): boolean {
  return strategy === 'BackupThenMigrate' && engine !== 'SQLite'
}

const databaseSecret = 'notes-db'
const schemes = { PostgreSQL: 'postgres', MySQL: 'mysql' } as const
const servers = { PostgreSQL: 'registry.example/postgres:17.5', MySQL: 'registry.example/mariadb:11.8.2' } as const

/** The instance `notes` of a story, and what it names. */
export function objectsOf(story: Story, tag: string, namespace: string): readonly KubeObject[] {
  const { strategy, engine } = story
  const isBackedUp = strategy === 'BackupThenMigrate'
  const spec = {
    environment: isProduction(strategy, engine) ? 'Production' : strategy === 'Wipe' ? 'Development' : 'Test',
    image: imageFor(story, tag),
    database: databaseOf(story),
    ...(engine === 'SQLite' ? {} : { replicas: 2 }),
    ...(strategy === 'Wipe' ? { seed: { generate: { users: 2 } } } : {}),
    ...(isBackedUp ? { backup: { storeRef: { name: 'offsite' }, schedule: '0 0 29 2 *' } } : {}),
    release: { strategy, rollout: { minReadySeconds: 0, progressDeadlineSeconds: 600 } },
  }
  const url = engine === 'SQLite' ? '' : `${schemes[engine]}://notes:secret@db.${namespace}.example/notes`
  return [
    ...('external' in spec.database ? [secret(namespace, databaseSecret, { url })] : []),
    ...(isBackedUp ? storeIn(namespace) : []),
    { ...instanceType, metadata: { name: 'notes', namespace }, spec },
  ]
}

/** A built-in server where each environment allows one, and a foreign one; so that both are met. */
function databaseOf({ strategy, engine }: Story): object {
  if (engine === 'SQLite') return { type: engine, sqlite: { storage: { size: '1Gi' } } }
  const isBuiltIn = strategy === 'Wipe' || (strategy === 'Upgrade' && engine === 'PostgreSQL')
  return isBuiltIn
    ? { type: engine, builtIn: { image: servers[engine] } }
    : { type: engine, external: { secretRef: { name: databaseSecret } } }
}

function storeIn(namespace: string): readonly KubeObject[] {
  const s3 = { endpoint: 'https://s3.example.org', bucket: 'notes', credentialsSecretRef: { name: 'offsite-keys' } }
  return [
    secret(namespace, 'offsite-keys', { 'access-key-id': 'key', 'secret-access-key': 'key' }),
    { ...storeType, metadata: { name: 'offsite', namespace }, spec: { s3, encryption: { recipients } } },
  ]
}

function secret(namespace: string, name: string, entries: Readonly<Record<string, string>>): KubeObject {
  const data = Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, Buffer.from(value).toString('base64')]))
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data }
}

import type { RuleFixture, Spec } from './crds-rules.ts'

const builtIn = (block: Spec = {}, more: Spec = {}): Spec => ({
  environment: 'Test',
  image: 'registry.example/notejam:1.0.0',
  database: { type: 'PostgreSQL', builtIn: block },
  ...more,
})
const withDatabase = (database: Spec, more: Spec = {}): Spec => ({ ...builtIn({}, more), database })
const external = { secretRef: { name: 'notes-db' } }
const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

/** The rules about built-in databases. */
export const builtInRules: readonly RuleFixture[] = [
  {
    rule: 'a server has one of its blocks',
    accepted: builtIn(),
    refused: withDatabase({ type: 'MySQL' }),
    message: 'database.type PostgreSQL and MySQL need one of the blocks',
  },
  {
    rule: 'SQLite has no built-in server',
    accepted: withDatabase({ type: 'SQLite', sqlite: { storage: {} } }),
    refused: withDatabase({ type: 'SQLite', sqlite: { storage: {} }, builtIn: {} }),
    message: 'database.builtIn is for type PostgreSQL and MySQL',
  },
  {
    rule: 'a database is external or built-in',
    accepted: withDatabase({ type: 'MySQL', builtIn: {} }),
    refused: withDatabase({ type: 'PostgreSQL', builtIn: {}, external }),
    message: 'database.external and database.builtIn exclude each other',
  },
  {
    rule: 'a built-in database stays built-in',
    before: builtIn(),
    accepted: builtIn({ image: 'postgres:17.6' }),
    refused: withDatabase({ type: 'PostgreSQL', external }),
    message: 'a database cannot move between builtIn and external',
  },
  {
    rule: 'an external database stays external',
    before: withDatabase({ type: 'PostgreSQL', external }),
    accepted: withDatabase({ type: 'PostgreSQL', external: { ...external, tls: { mode: 'Require' } } }),
    refused: builtIn(),
    message: 'a database cannot move between builtIn and external',
  },
  {
    rule: 'Production has no built-in database',
    accepted: withDatabase(
      { type: 'PostgreSQL', external },
      { environment: 'Production', image: `registry.example/notejam@${digest}`, backup: { storeRef: { name: 'offsite' } } },
    ),
    refused: builtIn({}, { environment: 'Production', image: `registry.example/notejam@${digest}` }),
    message: 'Production needs a database server that is run for availability',
  },
  {
    rule: 'the image of a built-in database is a reference',
    accepted: builtIn({ image: `localhost:5000/postgres:17@${digest}` }),
    refused: builtIn({ image: 'PostgreSQL 17' }),
    message: 'image of the built-in database must be a reference',
  },
  {
    rule: 'the volume of a built-in database has room for the server',
    accepted: builtIn({ storage: { size: '256Mi' } }),
    refused: builtIn({ storage: { size: '64Mi' } }),
    message: 'size of the built-in database must be a quantity of at least 256Mi',
  },
  {
    rule: 'the volume of a built-in database only grows',
    before: builtIn({ storage: { size: '1Gi' } }),
    accepted: builtIn({ storage: { size: '2Gi' } }),
    refused: builtIn({ storage: { size: '512Mi' } }),
    message: 'size of the built-in database can only grow',
  },
  {
    rule: 'the volume of a built-in database only grows from the default',
    before: builtIn(),
    accepted: builtIn({ storage: { size: '6Gi' } }),
    refused: builtIn({ storage: { size: '4Gi' } }),
    message: 'size of the built-in database can only grow',
  },
  {
    rule: 'the default of the volume is smaller than what was asked for',
    before: builtIn({ storage: { size: '6Gi' } }),
    accepted: builtIn({ storage: { size: '6144Mi' } }),
    refused: builtIn(),
    message: 'size of the built-in database can only grow',
  },
  {
    rule: 'the class of the volume stays',
    before: builtIn({ storage: { storageClassName: 'fast' } }),
    accepted: builtIn({ storage: { storageClassName: 'fast', size: '8Gi' } }),
    refused: builtIn({ storage: { storageClassName: 'slow' } }),
    message: 'storageClassName of the built-in database cannot be changed',
  },
  {
    rule: 'a class is not taken later',
    before: builtIn(),
    accepted: builtIn({ storage: {} }),
    refused: builtIn({ storage: { storageClassName: 'slow' } }),
    message: 'storageClassName of the built-in database cannot be changed',
  },
  {
    rule: 'a request of the server stays within its limit',
    accepted: builtIn({ resources: { requests: { memory: '512Mi' }, limits: { memory: '1Gi' } } }),
    refused: builtIn({ resources: { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } } }),
    message: 'a request of the built-in database cannot be greater than the limit',
  },
]

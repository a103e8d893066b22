import { minimalSpec, type RuleFixture, type Spec } from './crds-rules.ts'

const key = `age1${'q'.repeat(58)}`
const otherKey = `age1${'p'.repeat(58)}`
const s3 = (more: Spec = {}): Spec => ({
  endpoint: 'https://s3.example.org',
  bucket: 'notes',
  credentialsSecretRef: { name: 's3' },
  ...more,
})
const encryption: Spec = { recipients: [key, otherKey] }

/** The least that a store needs. */
export const minimalStore: Spec = { s3: s3(), encryption }

/** The rules of NotejamBackupStore. */
export const storeRules: readonly RuleFixture[] = [
  {
    rule: 'a store has one kind',
    accepted: { volume: { claimName: 'archives' }, encryption: { mode: 'None' } },
    refused: { ...minimalStore, volume: { claimName: 'archives' } },
    message: 'a store is either s3 or volume',
  },
  {
    rule: 'a store keeps its kind',
    before: minimalStore,
    accepted: { ...minimalStore, s3: s3({ endpoint: 'https://other.example.org' }) },
    refused: { encryption, volume: { claimName: 'archives' } },
    message: 'a store does not change its kind',
  },
  {
    rule: 'an endpoint is an origin',
    // Its pods get their credentials from their service account.
    accepted: { ...minimalStore, s3: { endpoint: 'http://minio.storage.svc:9000', bucket: 'notes' } },
    refused: { ...minimalStore, s3: s3({ endpoint: 'https://s3.example.org/notes' }) },
    message: 'endpoint is http://host or https://host with an optional port',
  },
  {
    rule: 'a bucket has a name that services take',
    accepted: { ...minimalStore, s3: s3({ bucket: 'team-1.notes' }) },
    refused: { ...minimalStore, s3: s3({ bucket: 'Team_Notes' }) },
    message: "a bucket's name has lower-case letters",
  },
  {
    rule: 'the bucket stays',
    before: minimalStore,
    accepted: { ...minimalStore, s3: s3({ region: 'eu-central-1' }) },
    refused: { ...minimalStore, s3: s3({ bucket: 'others' }) },
    message: 'the bucket cannot be changed',
  },
  {
    rule: 'a prefix has no slash at its ends',
    accepted: { ...minimalStore, s3: s3({ prefix: 'team/notes' }) },
    refused: { ...minimalStore, s3: s3({ prefix: '/notes/' }) },
    message: 'a prefix is one or more names with a slash between them',
  },
  {
    rule: 'the claim of a store stays',
    before: { volume: { claimName: 'archives' }, encryption: { mode: 'None' } },
    accepted: { volume: { claimName: 'archives' }, encryption },
    refused: { volume: { claimName: 'others' }, encryption: { mode: 'None' } },
    message: 'the claim cannot be changed',
  },
  {
    rule: 'Age has a recipient',
    accepted: minimalStore,
    refused: { s3: s3(), encryption: {} },
    message: 'encryption.mode Age needs at least one recipient',
  },
  {
    rule: 'None has nobody to be encrypted for',
    accepted: { s3: s3(), encryption: { mode: 'None' } },
    refused: { s3: s3(), encryption: { mode: 'None', recipients: [key] } },
    message: 'encryption.mode None has neither recipients nor an identity',
  },
  {
    rule: 'a recipient is a public key',
    accepted: { s3: s3(), encryption: { recipients: [key], identitySecretRef: { name: 'age' } } },
    refused: { s3: s3(), encryption: { recipients: [`AGE-SECRET-KEY-1${'Q'.repeat(46)}`] } },
    message: 'a recipient is the public key of age-keygen',
  },
]

/** The least that a backup needs. */
export const minimalBackup: Spec = { instanceRef: { name: 'notes' } }

/** The rules of NotejamBackup. */
export const backupRules: readonly RuleFixture[] = [
  {
    rule: 'a backup stays what it is, but for how long it is kept',
    before: minimalBackup,
    accepted: { ...minimalBackup, reason: 'OnDemand', deadlineSeconds: 3600, retention: 'Hold' },
    refused: { ...minimalBackup, reason: 'OnDemand', deadlineSeconds: 60, retention: 'Policy' },
    message: 'only spec.retention can change',
  },
]

const withBackup = (backup: Spec): Spec => ({ ...minimalSpec, backup: { storeRef: { name: 'offsite' }, ...backup } })
const onServer = (backup: Spec): Spec => ({
  ...withBackup(backup),
  database: { type: 'PostgreSQL', external: { secretRef: { name: 'notes-db' } } },
})

const inProduction = (backup: Spec | undefined): Spec => ({
  environment: 'Production',
  image: `registry.example/notejam@sha256:${'0123456789abcdef'.repeat(4)}`,
  database: { type: 'PostgreSQL', external: { secretRef: { name: 'notes-db' } } },
  ...(backup === undefined ? {} : { backup }),
})
const copy: Spec = { name: 'test', storeRef: { name: 'for-test' }, recipients: [key] }
const copying = (more: Spec, backup: Spec = {}): Spec =>
  inProduction({
    storeRef: { name: 'offsite' },
    verification: { serverImage: 'registry.example/postgres:17' },
    maskedCopies: [{ ...copy, ...more }],
    ...backup,
  })
const seeded = (seed: Spec): Spec => ({ ...minimalSpec, seed })
const from: Spec = { storeRef: { name: 'from-prod' }, instance: 'notejam-prod/notes' }
const beginning = (more: Spec): Spec => ({
  ...minimalSpec,
  bootstrap: { restore: { storeRef: { name: 'offsite' }, instance: 'team/notes', ...more } },
})

/** The rules of NotejamInstance that are about backups. */
export const instanceBackupRules: readonly RuleFixture[] = [
  {
    rule: 'a second store is another one',
    accepted: withBackup({ secondStoreRef: { name: 'other-region' } }),
    refused: withBackup({ secondStoreRef: { name: 'offsite' } }),
    message: 'secondStoreRef names another store than storeRef',
  },
  {
    rule: 'a schedule of backups has five fields',
    accepted: withBackup({ schedule: '30 1,13 * * MON-FRI', timeZone: 'Europe/Kyiv' }),
    refused: withBackup({ schedule: '@daily' }),
    message: 'a schedule of backup has five fields',
  },
  {
    rule: 'a time of retention is a duration',
    accepted: withBackup({ retention: { daily: 'P30D', weekly: 'P1Y', monthly: 'P3Y6M', beforeMigration: 'P2W' } }),
    refused: withBackup({ retention: { daily: '3 years' } }),
    message: 'a time of retention is an ISO 8601 duration',
  },
  {
    rule: 'Production is backed up',
    accepted: inProduction({ storeRef: { name: 'offsite' } }),
    refused: inProduction(undefined),
    message: 'Production is backed up: name a NotejamBackupStore',
  },
  {
    rule: 'Production may say that it is backed up otherwise',
    accepted: { ...inProduction(undefined), release: { missingBackup: 'Accept' } },
    refused: { ...inProduction(undefined), release: { missingBackup: 'Refuse' } },
    message: 'Production is backed up: name a NotejamBackupStore',
  },
  {
    rule: 'a last backup has a store',
    accepted: { ...withBackup({}), deletionPolicy: 'BackupThenDelete' },
    refused: { ...minimalSpec, deletionPolicy: 'BackupThenDelete' },
    message: 'deletionPolicy BackupThenDelete needs a store for its backup',
  },
  {
    rule: 'Production may be backed up and deleted',
    accepted: { ...inProduction({ storeRef: { name: 'offsite' } }), deletionPolicy: 'BackupThenDelete' },
    refused: { ...inProduction({ storeRef: { name: 'offsite' } }), deletionPolicy: 'Delete' },
    message: 'Production keeps its data when the instance is deleted',
  },
  {
    rule: 'an instance began as it did',
    before: withBackup({}),
    accepted: withBackup({ deadlineSeconds: 60 }),
    refused: { ...withBackup({}), bootstrap: { restore: { storeRef: { name: 'offsite' }, instance: 'team/notes', backupID: 'Latest' } } },
    message: 'bootstrap is what an instance began with',
  },
  {
    rule: 'a beginning is one archive',
    accepted: beginning({ backupID: 'Latest' }),
    refused: beginning({}),
    message: 'bootstrap.restore names an archive either by backupID',
  },
  {
    rule: 'a beginning is of an instance',
    accepted: beginning({ notAfterTime: '2026-11-21T00:00:00Z' }),
    refused: beginning({ backupID: 'Latest', instance: 'notes' }),
    message: 'instance of bootstrap.restore is namespace/name',
  },
  {
    rule: 'a beginning names an archive',
    accepted: beginning({ backupID: '20261121T000003Z-1f0c2a9b' }),
    refused: beginning({ backupID: 'yesterday' }),
    message: 'backupID of bootstrap.restore is Latest',
  },
  {
    rule: 'there is room to verify',
    accepted: withBackup({ verification: { scratchSize: '64Mi' } }),
    refused: withBackup({ verification: { scratchSize: '1Mi' } }),
    message: 'scratchSize must be a quantity of at least 64Mi',
  },
  {
    rule: 'a server is verified on a server',
    accepted: onServer({ verification: { serverImage: 'registry.example/postgres:17' } }),
    refused: onServer({ verification: {} }),
    message: 'backup.verification needs serverImage',
  },
  {
    rule: 'SQLite is verified without a server',
    accepted: withBackup({ verification: {} }),
    refused: withBackup({ verification: { serverImage: 'registry.example/postgres:17' } }),
    message: 'SQLite needs no server to verify a backup',
  },
  {
    rule: 'masked copies are of Production',
    accepted: copying({}),
    refused: withBackup({ verification: {}, maskedCopies: [copy] }),
    message: 'backup.maskedCopies is for environment Production only',
  },
  {
    rule: 'a masked copy has a store of its own',
    accepted: copying({}, { secondStoreRef: { name: 'other-region' } }),
    refused: copying({}, { secondStoreRef: { name: 'for-test' } }),
    message: 'a masked copy goes to a store of its own',
  },
  {
    rule: 'a masked copy is made in a throw-away server',
    accepted: copying({ schedule: '0 5 * * 1-5' }),
    refused: inProduction({ storeRef: { name: 'offsite' }, maskedCopies: [copy] }),
    message: 'maskedCopies needs verification with its serverImage',
  },
  {
    rule: 'a masked copy has a name that a CronJob can have',
    accepted: copying({ name: 'dev-2' }),
    refused: copying({ name: 'Test' }),
    message: 'the name of a masked copy has lower-case letters',
  },
  {
    rule: 'a masked copy is for public keys',
    accepted: copying({ recipients: [key, otherKey] }),
    refused: copying({ recipients: [`AGE-SECRET-KEY-1${'Q'.repeat(46)}`] }),
    message: 'a recipient of a masked copy is the public key of age-keygen',
  },
  {
    rule: 'a seed is generated or a masked copy',
    accepted: seeded({ from }),
    refused: seeded({ from, generate: {} }),
    message: 'seed is either generate',
  },
  {
    rule: 'a seed is something',
    accepted: seeded({ generate: {} }),
    refused: seeded({}),
    message: 'seed is either generate',
  },
  {
    rule: 'a masked copy is of an instance',
    accepted: seeded({ from: { ...from, instance: 'notejam-prod/notes/0d2f1c9a-5b1e-4f0e-9a53-3f1d7c1b2a11' } }),
    refused: seeded({ from: { ...from, instance: 'notes' } }),
    message: 'instance of seed.from is namespace/name',
  },
  {
    rule: 'a masked copy is an archive',
    accepted: seeded({ from: { ...from, backupID: '20261121T000003Z-1f0c2a9b' } }),
    refused: seeded({ from: { ...from, backupID: 'yesterday' } }),
    message: 'backupID of seed.from is Latest',
  },
  {
    rule: 'Production takes no masked copy',
    accepted: seeded({ from }),
    refused: { ...inProduction({ storeRef: { name: 'offsite' } }), seed: { from } },
    message: 'generated or masked data is not for Production',
  },
]

const inPlace: Spec = { instanceRef: { name: 'notes' }, source: { backupID: 'Latest' }, mode: 'InPlace', confirm: 'notes' }

/** The least that a restore needs. */
export const minimalRestore: Spec = { instanceRef: { name: 'notes' }, source: { backupID: 'Latest' }, mode: 'Verify' }

const selecting = (select: Spec): Spec => ({ ...minimalRestore, mode: 'Select', select })

/** The rules of NotejamRestore. */
export const restoreRules: readonly RuleFixture[] = [
  {
    rule: 'a restore stays what it is',
    before: minimalRestore,
    accepted: { ...minimalRestore, deadlineSeconds: 14_400 },
    refused: { ...minimalRestore, deadlineSeconds: 60 },
    message: 'a restore runs once, so its spec cannot be changed',
  },
  {
    rule: 'a restore in place is confirmed',
    accepted: inPlace,
    refused: { ...inPlace, confirm: 'note' },
    message: 'confirm has to repeat the name of the instance',
  },
  {
    rule: 'a trial restore names its archive',
    accepted: minimalRestore,
    refused: { ...minimalRestore, source: { notAfterTime: '2026-11-21T00:00:00Z' } },
    message: 'a trial restore names its archive',
  },
  {
    rule: 'a selection says what is wanted back',
    accepted: selecting({ user: 'anna@example.org' }),
    refused: { ...selecting({}), select: undefined },
    message: 'mode Select needs select',
  },
  {
    rule: 'only a selection selects',
    accepted: selecting({ noteIDs: [1, 2] }),
    refused: { ...inPlace, select: { user: 'anna@example.org' } },
    message: 'mode Select needs select',
  },
  {
    rule: 'a selection is of an account or of notes',
    accepted: selecting({ noteIDs: [1] }),
    refused: selecting({ user: 'anna@example.org', noteIDs: [1] }),
    message: 'select names either user',
  },
  {
    rule: 'an account has an address',
    accepted: selecting({ user: 'o’neill+notes@example.org' }),
    refused: selecting({ user: '--export' }),
    message: 'user is the e-mail address',
  },
  {
    rule: 'notes go back where they were',
    accepted: { ...selecting({ noteIDs: [1] }), source: { notAfterTime: '2026-11-21T00:00:00Z' } },
    refused: { ...selecting({ noteIDs: [1] }), source: { backupID: 'Latest', instance: 'team/others' } },
    message: 'notes go back to the instance that they were of',
  },
  {
    rule: 'a source is one archive',
    accepted: { ...inPlace, source: { notAfterTime: '2026-11-21T00:00:00Z' } },
    refused: { ...inPlace, source: { backupID: 'Latest', notAfterTime: '2026-11-21T00:00:00Z' } },
    message: 'source names an archive either by backupID',
  },
  {
    rule: 'a source is an instance',
    accepted: { ...inPlace, source: { backupID: 'Latest', instance: 'team/notes/0d2f1c9a-5b1e-4f0e-9a53-3f1d7c1b2a11' } },
    refused: { ...inPlace, source: { backupID: 'Latest', instance: 'notes' } },
    message: 'instance of a source is namespace/name',
  },
  {
    rule: 'an archive has a name',
    accepted: { ...inPlace, source: { backupID: '20261121T000003Z-1f0c2a9b' } },
    refused: { ...inPlace, source: { backupID: 'yesterday' } },
    message: 'backupID is Latest, or a name such as',
  },
]

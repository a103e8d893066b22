import { takeOutEach, type Safety } from './counter-tests.ts'
import type { Proof } from './proof.ts'

const backups = 'app/src/backup'
const masking = 'app/src/mask'
const backupTest = 'test/app/backup.test.ts'
const restoreTest = 'test/app/restore.test.ts'
const packTest = 'test/app/pack.test.ts'
const maskTest = 'test/app/mask.test.ts'
const maskCommandTest = 'test/app/mask-command.test.ts'

const safeties: readonly Safety[] = [
  {
    name: 'an archive of which the compression ended early is none',
    file: `${backups}/child.ts`,
    from: 'firstCause([ended, reader.done])',
    to: 'firstCause([reader.done])',
    test: packTest,
    title: 'is no archive when compression ends before its time: encrypted',
  },
  {
    name: 'an archive of which the dump ended early is none',
    file: `${backups}/engines/postgres.ts`,
    from: '    yield* tool.stdout as AsyncIterable<Uint8Array>\n    await tool.done\n',
    to: '    yield* tool.stdout as AsyncIterable<Uint8Array>\n',
    test: backupTest,
    title: 'backup on postgres > a server that ends the dump half-way makes the run fail',
  },
  {
    name: 'what a failed run wrote is removed',
    file: `${backups}/backup.ts`,
    from: 'await store.remove(written)',
    to: 'await store.remove([])',
    test: backupTest,
    title: 'one that takes the data and nothing after it keeps nothing of it',
  },
  {
    name: 'a database of somebody else is not backed up',
    file: `${backups}/backup.ts`,
    from: "if (ledger.state === 'foreign') {",
    to: "if (ledger.state === 'never') {",
    test: backupTest,
    title: 'one of somebody else is',
  },
  {
    name: 'a database of another instance is not backed up',
    file: `${backups}/backup.ts`,
    from: "if (ledger.state === 'ours' && claim !== undefined) assertIdentity",
    to: "if (ledger.state === 'never' && claim !== undefined) assertIdentity",
    test: backupTest,
    title: 'and of another instance too',
  },
  {
    name: 'passwords are no arguments',
    file: `${backups}/engines/mysql.ts`,
    from: "      ...['--single-transaction',",
    to: "      `--password=${server.password}`,\n      ...['--single-transaction',",
    test: backupTest,
    title: 'backup on mysql > nothing that is secret is among arguments',
  },
  {
    name: 'the key of the app is sealed',
    file: `${backups}/backup.ts`,
    from: 'await encryptText(secretKey, recipients, signal)',
    to: 'Buffer.from(secretKey)',
    test: backupTest,
    title: 'backup on sqlite > nothing that is secret is among arguments',
  },
  {
    name: 'a restore in place has to be confirmed',
    file: 'app/src/commands/restore.ts',
    from: "if (confirm === undefined || confirm !== name || name === '') {",
    to: "if (confirm === undefined || name === '') {",
    test: restoreTest,
    title: 'restore in place on sqlite > brings everything back',
  },
  {
    name: 'rows are compared before the switch',
    file: `${backups}/compare-sums.ts`,
    from: '  if (different.length > 0) {',
    to: '  if (different.length > 1000) {',
    test: restoreTest,
    title: 'restore in place on sqlite > is refused, and changes nothing',
  },
  {
    name: 'a database of another instance is not restored into',
    file: `${backups}/restore.ts`,
    from: '    assertIdentity(ledger.identity, claim)',
    to: '',
    test: restoreTest,
    title: 'restore in place on sqlite > stays out of a database of another instance',
  },
  {
    name: 'a database with tables of somebody else is not restored into',
    file: `${backups}/restore.ts`,
    from: 'if (ledger.foreignTables.length > 0) {',
    to: 'if (ledger.foreignTables.length > 1000) {',
    test: restoreTest,
    title: 'restore in place on sqlite > stays out of a database of another instance, and of one with tables of somebody else',
  },
  {
    name: 'a file that is served is not replaced',
    file: `${backups}/engines/sqlite-load.ts`,
    from: 'const old = openAlone(config.path)',
    to: 'const old = { close: () => undefined }',
    test: restoreTest,
    title: 'while another process has the file open, nothing is switched',
  },
  {
    name: 'who was erased stays erased',
    file: `${backups}/restore.ts`,
    from: 'return mergeErased(listed, own, here)',
    to: 'return mergeErased([])',
    test: restoreTest,
    title: 'restore in place on sqlite > who was erased since is not brought back',
  },
  {
    name: 'a column that nobody classified ends masking',
    file: `${masking}/check-classification.ts`,
    from: 'if (unknown.length > 0) {',
    to: 'if (unknown.length > 1000) {',
    test: maskCommandTest,
    title: 'on sqlite a column that nobody classified ends it',
  },
  {
    name: 'texts are masked',
    file: `${masking}/classification.ts`,
    from: "    text: 'Text',",
    to: "    text: 'Keep',",
    test: 'test/app/mask-leak.test.ts',
    title: 'a masked copy on sqlite > brings nothing that was planted',
  },
  {
    name: 'what was overwritten leaves the file',
    file: `${masking}/mask-database.ts`,
    from: '  await removeTraces(db, engine)\n',
    to: '',
    test: 'test/app/mask-leak.test.ts',
    title: 'a masked copy on sqlite > brings nothing that was planted',
  },
  {
    name: 'the same address is masked the same way',
    file: `${masking}/pseudonyms.ts`,
    from: "keyed('address', emailKey(email))",
    to: "keyed('address', `${emailKey(email)}${performance.now()}`)",
    test: maskTest,
    title: 'masking on sqlite > masks a masked database to itself',
  },
  {
    name: 'what is masked stays as it is',
    file: `${masking}/mask-database.ts`,
    from: 'keepOwn: await isMasked(db)',
    to: 'keepOwn: false',
    test: maskTest,
    title: 'masking on sqlite > masks a masked database to itself',
  },
  {
    name: 'only a copy is masked',
    file: `${masking}/mask-database.ts`,
    from: 'if (identity !== undefined && identity.instance_uid !== scratchUid) {',
    to: "if (identity?.instance_uid === '') {",
    test: maskTest,
    title: 'masking on sqlite > the database of an instance is not masked',
  },
  {
    name: 'masked copies lie apart from archives',
    file: 'app/src/commands/mask.ts',
    from: 'if (isDeepStrictEqual(placeOf(source), placeOf(target))) {',
    to: "if (isDeepStrictEqual(placeOf(source), '')) {",
    test: maskCommandTest,
    title: 'refuses the store of the instance itself as its target',
  },
]

/** What a backup, a restore and a masked copy must never do. */
export const proof: Proof = {
  title: 'Without any one of its safeties, a named test of backup, restore or masking fails',
  run: (report) => takeOutEach(safeties, report),
}

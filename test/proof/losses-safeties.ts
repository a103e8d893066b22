import { takeOutEach, type Safety } from './counter-tests.ts'
import type { Proof } from './proof.ts'

const restores = 'test/control-plane/backup-restore.test.ts'
const backups = 'test/control-plane/backup.test.ts'

const safeties: readonly Safety[] = [
  {
    name: 'a trial that failed keeps an older archive',
    file: 'app/src/archive/prune.ts',
    from: 'verification: entry.verification?.outcome,',
    to: 'verification: undefined,',
    test: 'test/app/prune.test.ts',
    title: 'the newest verified archive stays, however old',
  },
  {
    name: 'the key of the archive is taken over',
    file: 'operator/src/backup/bootstrap-key.ts',
    from: 'key ?? randomKey(secretKeyBytes)',
    to: 'randomKey(secretKeyBytes)',
    test: 'test/control-plane/backup-bootstrap.test.ts',
    title: 'is neither wiped nor seeded (Test)',
  },
  {
    name: 'a restore does not take its safety backup for what it restores',
    file: 'operator/src/backup/observe-restore.ts',
    from: 'before < Date.parse(archive.notAfterTime) ?',
    to: 'before < 0 ?',
    test: 'operator/src/backup/observe-restore.test.ts',
    title: 'not the safety backup of a node whose clock is slow',
  },
  {
    name: 'a restore begins in the second after it was asked for',
    file: 'operator/src/instance/release/restore.ts',
    from: 'if (now < (request.notBefore ?? now)) {',
    to: 'if (now < 0) {',
    test: 'operator/src/instance/release/restore.test.ts',
    title: 'waits for the second after it was asked for',
  },
  {
    name: 'a database that lost its mark is filled as a new one',
    file: 'operator/src/backup/observe-restore.ts',
    from: "=== 'NothingToBackUp'",
    to: "=== 'Nothing'",
    test: restores,
    title: 'fills a database that lost everything',
  },
  {
    name: 'a failed trial is told',
    file: 'operator/src/backup/instance-planner.ts',
    from: 'lastVerified === undefined && failedVerification === undefined) {',
    to: 'lastVerified === undefined) {',
    test: restores,
    title: 'that fails is told by the instance',
  },
  {
    name: 'Jobs that are over let a volume go',
    file: 'operator/src/instance/apply.ts',
    from: '  await freeVolume(instance, context)\n',
    to: '',
    test: backups,
    title: 'lets a volume go that somebody deleted',
  },
  {
    name: 'Jobs of an instance that is gone let its volume go',
    file: 'operator/src/backup/backup-planner.ts',
    from: "!hasInstance && run.type !== 'Absent' ? 'Delete' : 'Leave'",
    to: "'Leave'",
    test: backups,
    title: 'lets the volume of an instance that is gone go',
  },
  {
    name: 'a first masked copy is waited for',
    file: 'operator/src/instance/release/plan.ts',
    from: 'if (!lacksCopy(draft, operation, job)) return failJob',
    to: 'if (draft.now > 0) return failJob',
    test: 'test/control-plane/masked-copies.test.ts',
    title: 'waits for the first copy',
  },
]

/** What keeps a bad day from becoming worse. */
export const proof: Proof = {
  title: 'Each protection of what was lost, and of its way back, is noticed by a test when it is taken out',
  run: (report) => takeOutEach(safeties, report),
}

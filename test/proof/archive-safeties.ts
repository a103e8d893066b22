import { takeOutEach, type Safety } from './counter-tests.ts'
import type { Proof } from './proof.ts'

const archive = 'app/src/archive'
const faults = 'test/app/stores-faults.test.ts'
const stores = 'test/app/stores.test.ts'
const prune = 'test/app/prune.test.ts'

const safeties: readonly Safety[] = [
  {
    name: 'a listing that is not complete is an error',
    file: `${archive}/stores/s3-listing.ts`,
    from: '  if (truncated === undefined) {',
    to: '  if (page !== undefined) return undefined\n  if (truncated === undefined) {',
    test: faults,
    title: 'a listing that is not complete > is an error',
  },
  {
    name: 'what passes is tried again',
    file: `${archive}/stores/s3-failure.ts`,
    from: '  if (retryableCodes.has(code)) {\n    return true',
    to: "  if (code !== '') {\n    return false",
    test: faults,
    title: '500, at first',
  },
  {
    name: 'a failed upload is taken back',
    file: `${archive}/stores/s3-upload.ts`,
    from: '    if (id !== undefined) {\n      const { connection',
    to: "    if (id === 'x') {\n      const { connection",
    test: faults,
    title: '500 for good',
  },
  {
    name: 'a download goes on in the same object only',
    file: `${archive}/stores/s3-download.ts`,
    from: 'IfMatch: this.#etag, Range: `bytes=${this.#received}-` }),\n    })\n    const answer = await connection.send((client, options) => client.send(get, options), { doing, signal })\n    this.#adopt(answer)',
    to: 'Range: `bytes=${this.#received}-` }),\n    })\n    const answer = await connection.send((client, options) => client.send(get, options), { doing, signal })\n    this.#adopt({ ...answer, ETag: this.#etag ?? answer.ETag })',
    test: faults,
    title: 'an object that was changed while it is read',
  },
  {
    name: 'the lost answer of a conditional write is understood',
    file: `${archive}/stores/s3-store.ts`,
    from: 'if (error.ambiguous &&',
    to: 'if (!error.ambiguous &&',
    test: faults,
    title: 'an answer that is lost, at first > at a conditional write',
  },
  {
    name: 'the lost answer at the end of an upload is understood',
    file: `${archive}/stores/s3-upload.ts`,
    from: 'error instanceof S3Failure && error.ambiguous',
    to: 'error instanceof S3Failure && !error.ambiguous',
    test: faults,
    title: 'an upload whose end was answered to nobody is whole',
  },
  {
    name: 'without conditional writes what is there is looked for',
    file: `${archive}/stores/s3-store.ts`,
    from: 'if (!(await this.#isAbsent(key))) {',
    to: "if (key === '') {",
    test: faults,
    title: 'is said to be one, once',
  },
  {
    name: 'a manifest is written on condition',
    file: `${archive}/stores/s3-store.ts`,
    from: '#conditional = true',
    to: '#conditional = false',
    test: stores,
    title: 'of ten writers that create one object at once',
  },
  {
    name: 'archives are locked',
    file: `${archive}/stores/s3-store.ts`,
    from: 'return (await this.#locks) ?',
    to: 'return (await this.#locks) && retainUntil.getTime() < 0 ?',
    test: stores,
    title: 'with object lock gets its archives locked',
  },
  {
    name: 'the prefix is kept',
    file: `${archive}/stores/s3-store.ts`,
    from: "this.#base = base === '' ? '' : `${base}/`",
    to: 'this.#base = base',
    test: stores,
    title: 'neither sees nor touches what lies beside its prefix',
  },
  {
    name: 'an error keeps nothing of the request',
    file: `${archive}/stores/s3-connection.ts`,
    from: 'const cause = new Error(`${clean.code}: ${clean.message}`)',
    to: "const cause = Object.assign(new Error('x'), { request: this.#secrets })",
    test: stores,
    title: 'no key is in the error',
  },
  {
    name: 'the folder of a volume is not made',
    file: `${archive}/stores/folder-store.ts`,
    from: 'await this.#guard(stat(this.#root), doing)',
    to: '',
    test: stores,
    title: 'is not made where the volume is missing',
  },
  {
    name: 'the manifest is the first to go',
    file: `${archive}/prune.ts`,
    from: 'name === objectNames.manifest ? 0 : 1',
    to: 'name === objectNames.manifest ? 1 : 0',
    test: prune,
    title: 'wherever a prune is killed',
  },
  {
    name: 'a folder is looked at once more',
    file: `${archive}/prune.ts`,
    from: 'if (heldSince || completedSince) {',
    to: "if (backupId === '') {",
    test: prune,
    title: 'a folder is looked at once more before it goes',
  },
  {
    name: 'what others put there stays',
    file: `${archive}/prune.ts`,
    from: '.filter(([name]) => isOurs(name))',
    to: '',
    test: prune,
    title: 'what is old goes, all else stays',
  },
  {
    name: 'nothing goes while no backup arrives',
    file: `${archive}/retention.ts`,
    from: 'if (withheld !== undefined) {',
    to: "if (withheld === 'never') {",
    test: prune,
    title: 'while no backup arrives nothing goes',
  },
  {
    name: 'a clock that is ahead is not believed',
    file: `${archive}/retention.ts`,
    from: 'new Date(Math.min(now.getTime(), believed))',
    to: 'now',
    test: `${archive}/retention-simulation.test.ts`,
    title: 'keep every promise',
  },
  {
    name: 'clocks that disagree are noticed',
    file: `${archive}/retention.ts`,
    from: '< clockToleranceMs',
    to: '< Infinity',
    test: `${archive}/retention-simulation.test.ts`,
    title: 'keep every promise',
  },
]

/** Archives are worth what their safeties are worth. */
export const proof: Proof = {
  title: 'Without any one of its safeties, a named test of stores, prune or retention fails',
  run: async (report) => await takeOutEach(safeties, report),
}

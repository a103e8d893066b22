import type { Logger } from 'pino'
import { AppError, ConfigError, exitCodes } from '../errors.ts'
import type { ArchiveOwner } from '../archive/layout.ts'
import { openStore, requireStoreConfig } from '../archive/stores/open-store.ts'
import type { StoreConfig, StoreRole } from '../archive/stores/store-config.ts'
import type { Store } from '../archive/stores/store.ts'
import type { ArchiveChoice, ArchiveSource } from '../backup/find-archive.ts'

/** Names of Kubernetes, as parts of a path in a store. */
const pathPart = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

type Environment = Readonly<Record<string, string | undefined>>

/** Whose archives this command works with: what the operator sets in every pod of an instance. @throws {@link ConfigError} */
export function ownerFrom(environment: Environment): ArchiveOwner {
  const problems: string[] = []
  const need = (name: string, what: string): string => {
    const value = environment[name] ?? ''
    if (value === '') problems.push(`${name}: is not set; archives lie below the ${what}`)
    else if (!pathPart.test(value)) problems.push(`${name}: must be letters, digits, dots and dashes`)
    return value
  }
  const owner = {
    namespace: need('NOTEJAM_NAMESPACE', 'namespace of the instance'),
    instance: need('NOTEJAM_INSTANCE', 'name of the instance'),
    instanceUid: need('NOTEJAM_INSTANCE_UID', 'UID of the instance'),
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return owner
}

/** `NAMESPACE/INSTANCE[/UID]`; without it the instance that this is. @throws {@link AppError} `InvalidArguments`, exit code 2 */
export function sourceFrom(from: string | undefined, environment: Environment): ArchiveSource {
  if (from === undefined) return ownerFrom(environment)
  const [namespace = '', instance = '', instanceUid, ...more] = from.split('/')
  const parts = [namespace, instance, ...(instanceUid === undefined ? [] : [instanceUid])]
  if (more.length > 0 || !parts.every((part) => pathPart.test(part))) {
    throw invalid(`--from takes NAMESPACE/INSTANCE or NAMESPACE/INSTANCE/UID, not "${from}"`)
  }
  return { namespace, instance, instanceUid }
}

/** `--backup ID`, `--backup Latest` or `--not-after TIME`; the newest when nothing is said. @throws {@link AppError} `InvalidArguments`, exit code 2 */
export function choiceFrom({
  backup,
  notAfter,
}: {
  readonly backup?: string | undefined
  readonly notAfter?: string | undefined
}): ArchiveChoice {
  if (backup !== undefined && notAfter !== undefined) throw invalid('--backup and --not-after exclude each other')
  if (notAfter !== undefined) {
    const time = new Date(notAfter)
    if (Number.isNaN(time.getTime())) throw invalid(`--not-after takes a time such as 2026-11-21T00:00:00Z, not "${notAfter}"`)
    return { kind: 'notAfter', time }
  }
  return backup === undefined || backup === 'Latest' ? { kind: 'latest' } : { kind: 'id', backupId: backup }
}

/** Bad usage that commander does not see. */
export function invalid(message: string): AppError {
  return new AppError(message, { code: 'InvalidArguments', exitCode: exitCodes.usage })
}

/** What stores have to say goes to the log. */
export function storeNotices(log: Logger): (notice: string) => void {
  return (notice) => {
    log.warn({ notice }, 'a store has something to say')
  }
}

/** Opens the store of a role for as long as `work` takes. */
export async function withStore<T>(
  config: StoreConfig,
  onNotice: (message: string) => void,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const store = await openStore(config, { onNotice })
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

/** The first of several roles that is configured. @throws {@link ConfigError} when none is */
export function firstStoreConfig(environment: Environment, roles: readonly [StoreRole, ...StoreRole[]]): StoreConfig {
  const named = roles.find((role) => (environment[`${role}S3_BUCKET`] ?? '') !== '' || (environment[`${role}PATH`] ?? '') !== '')
  return requireStoreConfig(environment, named ?? roles[0])
}

/** Ends work by SIGTERM, SIGINT or when its time is over. Dispose of it when the work is done. */
export function endingSignal(deadlineSeconds: number | undefined): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController()
  const interrupted = (name: NodeJS.Signals) => {
    controller.abort(
      new AppError(`ended by ${name} before it was done; nothing of it counts`, { code: 'Interrupted', exitCode: exitCodes.failed }),
    )
  }
  const late = () => {
    controller.abort(
      new AppError(`not done within ${deadlineSeconds} seconds; nothing of it counts`, {
        code: 'DeadlineExceeded',
        exitCode: exitCodes.failed,
      }),
    )
  }
  process.once('SIGTERM', interrupted)
  process.once('SIGINT', interrupted)
  const timer = deadlineSeconds === undefined ? undefined : setTimeout(late, deadlineSeconds * 1000)
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      process.off('SIGTERM', interrupted)
      process.off('SIGINT', interrupted)
      clearTimeout(timer)
    },
  }
}

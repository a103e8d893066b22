import { GenericContainer, Wait, type StartedTestContainer } from 'testcontainers'
import type { TestProject } from 'vitest/node'
import { acquireDocker } from '../cluster/docker.ts'
import { ensureImage } from '../cluster/images.ts'
import { createProgress } from '../cluster/progress.ts'

/** What a test of the tier `app` gets by `inject('servers')`: addresses of an administrator, without a database. */
export interface ProvidedServers {
  readonly postgres: string
  readonly mysql: string
}

declare module 'vitest' {
  // oxlint-disable-next-line typescript/consistent-type-definitions -- merging into vitest's own interface is its way of typing `inject`
  interface ProvidedContext {
    servers: ProvidedServers
  }
}

/** Of servers that live for one run, on loopback. */
const password = 'tests'

/** One PostgreSQL and one MariaDB for a whole run; a test file makes databases of its own in them (`databases.ts`). */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { servers, stop } = await startServers()
  project.provide('servers', servers)
  return stop
}

/**
 * Starts both servers in containers from Debian's packages. Where both `NOTEJAM_TEST_POSTGRES` and `NOTEJAM_TEST_MYSQL` are set, those servers
 * are used.
 */
export async function startServers(): Promise<{ readonly servers: ProvidedServers; readonly stop: () => Promise<void> }> {
  const { NOTEJAM_TEST_POSTGRES: postgres, NOTEJAM_TEST_MYSQL: mysql } = process.env
  if (postgres !== undefined && mysql !== undefined) {
    return { servers: { postgres, mysql }, stop: () => Promise.resolve() }
  }
  const progress = createProgress()
  const docker = await acquireDocker({ progress })
  Object.assign(process.env, docker.env)
  const started: StartedTestContainer[] = []
  const stop = async () => {
    await Promise.all(started.map((container) => container.stop({ timeout: 0 })))
    await docker.release()
  }
  try {
    const images = {
      postgres: await ensureImage('postgres', { progress, docker }),
      mariadb: await ensureImage('mariadb', { progress, docker }),
    }
    const keep = async (starting: Promise<StartedTestContainer>) => {
      const container = await starting
      started.push(container)
      return container
    }
    const [first, second] = await progress.step('database servers: start', () =>
      Promise.all([keep(startPostgres(images.postgres)), keep(startMariadb(images.mariadb))]),
    )
    const servers = {
      postgres: `postgres://postgres:${password}@${first.getHost()}:${first.getMappedPort(5432)}`,
      mysql: `mysql://root:${password}@${second.getHost()}:${second.getMappedPort(3306)}`,
    }
    return { servers, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Nothing of these servers is to survive, so nothing waits for the disk. */
function startPostgres(image: string): Promise<StartedTestContainer> {
  return (
    new GenericContainer(image)
      .withEnvironment({ POSTGRES_PASSWORD: password })
      .withCommand(['postgres', '-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_connections=300'])
      .withExposedPorts(5432)
      // The first time it is the server that prepares the data folder.
      .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
      .withStartupTimeout(120_000)
      .start()
  )
}

function startMariadb(image: string): Promise<StartedTestContainer> {
  return new GenericContainer(image)
    .withEnvironment({ MARIADB_ROOT_PASSWORD: password })
    .withCommand(['mariadbd', '--innodb-flush-log-at-trx-commit=0', '--sync-binlog=0', '--max-connections=400'])
    .withExposedPorts(3306)
    .withWaitStrategy(Wait.forLogMessage(/socket: .* port: 3306\b/))
    .withStartupTimeout(120_000)
    .start()
}

import { GenericContainer, Wait, type StartedTestContainer } from 'testcontainers'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { acquireDocker } from '../cluster/docker.ts'
import { ensureImage } from '../cluster/images.ts'
import { Authority, type KeyPair } from '../cluster/pki.ts'
import { createProgress } from '../cluster/progress.ts'

/** A database server that speaks TLS. */
export interface TlsServer {
  /** Without a database; its host is `localhost`, which the certificate names. */
  readonly url: URL
  /** Lets the server show the certificate that names another host, or the right one again. */
  show(certificate: 'right' | 'other'): Promise<void>
}

/** Both servers with TLS, and the authorities. */
export interface TlsServers extends AsyncDisposable {
  readonly postgres: TlsServer
  readonly mysql: TlsServer
  /** PEM of the authority that signed, and of one that did not. */
  readonly authority: string
  readonly stranger: string
}

const password = 'tests'

/** Copies a certificate to where the server reads it, as its owner. */
const install = (name: 'right' | 'other', owner: string): string =>
  `mkdir -p /tls && cp /certificates/${name}.crt /tls/server.crt && cp /certificates/${name}.key /tls/server.key && chown -R ${owner} /tls && chmod 600 /tls/server.key`

/** Starts PostgreSQL and MariaDB with certificates of an authority of our own. */
export async function startTlsServers(): Promise<TlsServers> {
  const progress = createProgress()
  const docker = await acquireDocker({ progress })
  Object.assign(process.env, docker.env)
  const authority = Authority.create('tests')
  const pairs = {
    right: authority.issue({ commonName: 'database', usages: ['server'], names: ['localhost'] }),
    other: authority.issue({ commonName: 'localhost', usages: ['server'], names: ['elsewhere.example.org'] }),
  }
  const started: StartedTestContainer[] = []
  const stop = async () => {
    await Promise.all(started.map((container) => container.stop({ timeout: 0 })))
    await docker.release()
  }
  try {
    const [postgres, mysql] = await progress.step('database servers with TLS: start', async () =>
      Promise.all([
        startPostgres(await ensureImage('postgres', { progress, docker }), pairs, started),
        startMariadb(await ensureImage('mariadb', { progress, docker }), pairs, started),
      ]),
    )
    return { postgres, mysql, authority: authority.cert, stranger: Authority.create('tests').cert, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

type Pairs = Readonly<Record<'right' | 'other', KeyPair>>

async function run(container: GenericContainer, pairs: Pairs, started: StartedTestContainer[]): Promise<StartedTestContainer> {
  const files = Object.entries(pairs).flatMap(([name, { cert, key }]) => [
    { content: cert, target: `/certificates/${name}.crt` },
    { content: key, target: `/certificates/${name}.key` },
  ])
  const running = await container.withCopyContentToContainer(files).withStartupTimeout(120_000).start()
  started.push(running)
  return running
}

function showing(container: StartedTestContainer, owner: string, reload: () => Promise<unknown>): TlsServer['show'] {
  return async (certificate) => {
    const { exitCode, output } = await container.exec(['bash', '-c', install(certificate, owner)], { user: 'root' })
    if (exitCode !== 0) throw new Error(`the certificate could not be put in place: ${output}`)
    await reload()
  }
}

async function startPostgres(image: string, pairs: Pairs, started: StartedTestContainer[]): Promise<TlsServer> {
  const server = 'postgres -c fsync=off -c ssl=on -c ssl_cert_file=/tls/server.crt -c ssl_key_file=/tls/server.key'
  const container = await run(
    new GenericContainer(image)
      .withEnvironment({ POSTGRES_PASSWORD: password })
      .withEntrypoint(['bash', '-c', `${install('right', 'postgres')} && exec entrypoint.sh ${server}`])
      .withExposedPorts(5432)
      // The first time it is the server that prepares the data folder.
      .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2)),
    pairs,
    started,
  )
  const url = new URL(`postgres://postgres:${password}@localhost:${container.getMappedPort(5432)}`)
  const reload = async () => {
    const client = new Client({ connectionString: `${url.href}/postgres` })
    await client.connect()
    await client.query('select pg_reload_conf()')
    await client.end()
  }
  return { url, show: showing(container, 'postgres', reload) }
}

async function startMariadb(image: string, pairs: Pairs, started: StartedTestContainer[]): Promise<TlsServer> {
  const server = 'mariadbd --innodb-flush-log-at-trx-commit=0 --ssl-cert=/tls/server.crt --ssl-key=/tls/server.key'
  const container = await run(
    new GenericContainer(image)
      .withEnvironment({ MARIADB_ROOT_PASSWORD: password })
      .withEntrypoint(['bash', '-c', `${install('right', 'mysql')} && exec entrypoint.sh ${server}`])
      .withExposedPorts(3306)
      .withWaitStrategy(Wait.forLogMessage(/socket: .* port: 3306\b/)),
    pairs,
    started,
  )
  const url = new URL(`mysql://root:${password}@localhost:${container.getMappedPort(3306)}`)
  const reload = async () => {
    const connection = await createConnection({ uri: url.href })
    await connection.query('flush ssl')
    await connection.end()
  }
  return { url, show: showing(container, 'mysql', reload) }
}

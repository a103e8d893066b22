import { hardenedContainer, type Variable } from '../../instance/resources/pod.ts'
import type { DataPodInput } from './data-pod.ts'

/** Where the throw-away server keeps its files, on the volume of the pod that goes with it. */
const folder = '/scratch/server'

/**
 * Starts PostgreSQL on the loopback address alone, for whoever is in the pod: there is nothing in it but what the pod itself restores. The binaries are
 * found where the official images and Debian put them.
 */
const postgresScript = `set -eu
PATH="$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)"
rm -rf ${folder}
initdb --pgdata ${folder} --username notejam --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync >/dev/null
exec postgres -D ${folder} -c listen_addresses=127.0.0.1 -c unix_socket_directories=/tmp -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=64MB
`

/** The same for MariaDB and MySQL; their user and database are made when the server starts. */
const mysqlScript = `set -eu
mkdir -p /tmp/init
rm -rf ${folder} && mkdir -p ${folder}
cat >/tmp/init/init.sql <<'SQL'
CREATE DATABASE IF NOT EXISTS notejam CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'notejam'@'127.0.0.1' IDENTIFIED BY 'scratch';
CREATE USER IF NOT EXISTS 'notejam'@'localhost' IDENTIFIED BY 'scratch';
GRANT ALL ON notejam.* TO 'notejam'@'127.0.0.1';
GRANT ALL ON notejam.* TO 'notejam'@'localhost';
SQL
server="$(command -v mariadbd || command -v mysqld || echo /usr/sbin/mariadbd)"
if command -v mariadb-install-db >/dev/null; then
  mariadb-install-db --no-defaults --datadir=${folder} --auth-root-authentication-method=normal --skip-test-db >/dev/null
else
  "$server" --no-defaults --initialize-insecure --datadir=${folder}
fi
exec "$server" --no-defaults --datadir=${folder} --bind-address=127.0.0.1 --port=3306 --socket=/tmp/server.sock --pid-file=/tmp/server.pid --init-file=/tmp/init/init.sql --innodb-flush-log-at-trx-commit=0 --skip-log-bin
`

const postgresProbe = `PATH="$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)"; pg_isready -q -h 127.0.0.1 -U notejam`
const mysqlProbe =
  '$(command -v mariadb-admin || command -v mysqladmin) --no-defaults --socket=/tmp/server.sock --user=notejam --password=scratch ping'

/** The throw-away server of a trial restore, as a native sidecar; SQLite needs none. */
export function scratchServer({ instance }: DataPodInput) {
  const { database, backup } = instance.spec
  const image = backup?.verification?.serverImage
  if (database.type === 'SQLite' || image === undefined) return undefined
  const isPostgres = database.type === 'PostgreSQL'
  return {
    name: 'server',
    image,
    command: ['/bin/sh', '-c', isPostgres ? postgresScript : mysqlScript],
    restartPolicy: 'Always',
    ...hardenedContainer(),
    env: [{ name: 'HOME', value: '/tmp' }],
    resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
    // From within: the kubelet does not reach the loopback address of a pod.
    startupProbe: {
      exec: { command: ['/bin/sh', '-c', isPostgres ? postgresProbe : mysqlProbe] },
      periodSeconds: 1,
      failureThreshold: 300,
    },
    volumeMounts: [
      { name: 'scratch', mountPath: '/scratch' },
      { name: 'temporary', mountPath: '/tmp' },
    ],
  }
}

/** How a command finds it. The password keeps nobody out who is not in the pod, and nobody else reaches it. */
export function scratchURL({ instance }: DataPodInput): readonly Variable[] {
  const urls = {
    SQLite: undefined,
    PostgreSQL: 'postgres://notejam@127.0.0.1:5432/postgres',
    MySQL: 'mysql://notejam:scratch@127.0.0.1:3306/notejam',
  } as const
  const url = urls[instance.spec.database.type]
  return url === undefined
    ? []
    : [
        { name: 'SCRATCH_DATABASE_URL', value: url },
        { name: 'SCRATCH_DATABASE_TLS', value: 'Disable' },
      ]
}

import { annotationPrefix } from '../../api/labels.ts'
import type { InstanceSpec } from '../../api/notejam.ts'
import { effectivePolicy } from '../../api/policy.ts'
import { findMariadb, findPostgres } from '../../instance/resources/database-scripts.ts'
import { hardenedContainer, type Variable } from '../../instance/resources/pod.ts'
import type { DataPodInput } from './data-pod.ts'

/** Where the throw-away server keeps its files, on the volume of the pod that goes with it. */
const folder = '/scratch/server'
/** The numbers of `postgres` and `mysql` in the official images. */
const serverUser = 999

/**
 * Starts PostgreSQL on the loopback address alone, for whoever is in the pod: there is nothing in it but what the pod itself restores. The binaries are
 * found where the official images and Debian put them.
 */
const postgresScript = `set -eu
umask 077
${findPostgres}
rm -rf ${folder}
initdb --pgdata ${folder} --username notejam --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync >/dev/null
exec postgres -D ${folder} -c listen_addresses=127.0.0.1 -c unix_socket_directories=/tmp -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=64MB
`

/** The same for MariaDB, which also runs for `MySQL`; its user and database are made when the server starts. */
const mysqlScript = `set -eu
umask 077
${findMariadb}
rm -rf ${folder}
mkdir ${folder}
cat >/tmp/init.sql <<'SQL'
CREATE DATABASE IF NOT EXISTS notejam CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'notejam'@'%' IDENTIFIED BY 'scratch';
GRANT ALL ON notejam.* TO 'notejam'@'%';
SQL
mariadb-install-db --no-defaults --datadir=${folder} --skip-test-db --skip-name-resolve --auth-root-authentication-method=socket --auth-root-socket-user=scratch >/dev/null
exec mariadbd --no-defaults --datadir=${folder} --bind-address=127.0.0.1 --port=3306 --socket=/tmp/server.sock --pid-file=/tmp/server.pid --init-file=/tmp/init.sql --skip-name-resolve --skip-log-bin --performance-schema=OFF --character-set-server=utf8mb4 --innodb-flush-log-at-trx-commit=0
`

const postgresProbe = `${findPostgres}; exec pg_isready --quiet --host=127.0.0.1 --username=notejam`
const mysqlProbe = `${findMariadb}; exec mariadb-admin --no-defaults --socket=/tmp/server.sock --user=notejam --password=scratch ping`

/** The one line that gives the user a name, which `initdb` wants, whether the image knows the user or not; it comes by an annotation of the pod. */
const passwdAnnotation = `${annotationPrefix}passwd`
const passwd = `scratch:x:${serverUser}:${serverUser}::/tmp:/bin/sh\n`

/** What the pod of such a server has beside it. */
const scratchServerPod = {
  annotations: { [passwdAnnotation]: passwd },
  volumes: [
    {
      name: 'passwd',
      downwardAPI: { items: [{ path: 'passwd', fieldRef: { fieldPath: `metadata.annotations['${passwdAnnotation}']` } }] },
    },
  ],
} as const

/** What the throw-away server of the instance's kind adds to a pod that restores beside it: itself, as a native sidecar. SQLite needs none. */
export function withScratchServer(input: DataPodInput) {
  const server = scratchServer(input)
  return server === undefined ? {} : { ...scratchServerPod, initContainers: [server] }
}

/** The image of the throw-away server: what trial restores use, else that of the built-in database; undefined where neither is named. */
export function scratchServerImage(spec: InstanceSpec): string | undefined {
  return spec.backup?.verification?.serverImage ?? effectivePolicy(spec).database?.image
}

function scratchServer({ instance }: DataPodInput) {
  const { database } = instance.spec
  const image = scratchServerImage(instance.spec)
  if (database.type === 'SQLite' || image === undefined) return undefined
  const hardened = hardenedContainer()
  const isPostgres = database.type === 'PostgreSQL'
  return {
    name: 'server',
    image,
    command: ['/bin/sh', '-c', isPostgres ? postgresScript : mysqlScript],
    restartPolicy: 'Always',
    ...hardened,
    // The user of the official images, which root starts otherwise; Debian's binaries run under any.
    securityContext: { ...(hardened['securityContext'] as object), runAsUser: serverUser, runAsGroup: serverUser },
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
      { name: 'passwd', mountPath: '/etc/passwd', subPath: 'passwd', readOnly: true },
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

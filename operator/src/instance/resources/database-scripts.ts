/** Engines that the operator runs itself. `MySQL` is run as MariaDB. */
export type ServerEngine = 'PostgreSQL' | 'MySQL'

/** Where the server's container finds what, and how it is called: the script, the probes and the Secret agree on it. */
export const databaseServer = {
  /** Name of the database, and of the user that owns it. */
  name: 'notejam',
  ports: { PostgreSQL: 5432, MySQL: 3306 },
  data: '/data',
  /** Socket and process id; in memory, for the statements that hold the password pass here. */
  run: '/run/database',
  secrets: '/run/secrets/database',
  /** Exit code of a container whose data is of another major version than its image. */
  exitOtherVersion: 65,
} as const

const { data, run, secrets, name, exitOtherVersion } = databaseServer

/** Where distributions put the binaries that are in no PATH; those of the image's own PATH come first. */
export const findPostgres = `for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin; do PATH="$PATH:$folder"; done`
/** The same for MariaDB. */
export const findMariadb = 'PATH="$PATH:/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin"'

/** How a container says why it does not go on: in its log, and where Kubernetes looks for the message of its end. */
const refuse = `refuse() { printf '%s\\n' "$2" >&2; printf '%s\\n' "$2" > /dev/termination-log || true; exit "$1"; }`

/**
 * The data folder is made beside its place and moved there at the end: a start that was killed leaves nothing that looks like a database. The password
 * of the Secret is set at each start, so a changed Secret and a restart are all that a new one takes. `postgres --single` does without a network and
 * without a password. SIGINT is PostgreSQL's fast shutdown; SIGTERM, which Kubernetes sends, would wait for the last session to end.
 */
const startPostgres = String.raw`set -eu
umask 077
${findPostgres}
${refuse}
server=''
stop() { trap '' TERM INT; if [ -n "$server" ]; then kill -INT "$server"; else exit 143; fi; }
trap stop TERM INT

command -v postgres > /dev/null && command -v initdb > /dev/null || refuse 1 'The image holds no PostgreSQL server: postgres and initdb are not there'
version=$(postgres --version)
version=$(printf '%s' "$version" | sed 's/^[^0-9]*\([0-9][0-9]*\).*/\1/')

single() { postgres --single -c exit_on_error=on -c log_min_error_statement=panic -D "$1" postgres > /dev/null; }
if [ ! -e ${data}/postgresql ]; then
  rm -rf ${data}/preparing
  initdb -D ${data}/preparing --username=postgres --auth-local=trust --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 --data-checksums --no-instructions
  printf '%s\n' 'CREATE ROLE ${name} LOGIN;' 'CREATE DATABASE ${name} OWNER ${name};' | single ${data}/preparing
  mv ${data}/preparing ${data}/postgresql
fi
found=$(cat ${data}/postgresql/PG_VERSION)
[ "$found" = "$version" ] || refuse ${exitOtherVersion} "The data is of PostgreSQL $found, the image holds PostgreSQL $version"

password=$(sed "s/'/''/g" ${secrets}/password)
printf '%s\n' "ALTER ROLE ${name} PASSWORD '$password';" | single ${data}/postgresql
printf '%s\n' 'local all all trust' 'hostssl ${name} ${name} all scram-sha-256' > ${data}/postgresql/pg_hba.conf

postgres -D ${data}/postgresql -c listen_addresses='*' -c unix_socket_directories=${run} \
  -c ssl=on -c ssl_cert_file=${secrets}/tls.crt -c ssl_key_file=${secrets}/tls.key "$@" &
server=$!
wait "$server" && code=0 || code=$?
while kill -0 "$server" 2> /dev/null; do wait "$server" && code=0 || code=$?; done
exit "$code"
`

/** The statements of init-file run at each start before anybody can connect (MariaDB documentation, "init_file"); each can be run again. */
const startMariadb = String.raw`set -eu
umask 077
${findMariadb}
${refuse}

command -v mariadbd > /dev/null && command -v mariadb-install-db > /dev/null || refuse 1 'The image holds no MariaDB server: mariadbd and mariadb-install-db are not there'
version=$(mariadbd --no-defaults --version)
version=$(printf '%s' "$version" | sed 's/.*Ver \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/')

if [ ! -e ${data}/mariadb ]; then
  rm -rf ${data}/preparing
  mkdir ${data}/preparing
  mariadb-install-db --no-defaults --datadir=${data}/preparing --skip-test-db --skip-name-resolve \
    --auth-root-authentication-method=socket --auth-root-socket-user=database > /dev/null
  printf '%s\n' "$version" > ${data}/preparing/notejam-series
  mv ${data}/preparing ${data}/mariadb
fi
found=$(cat ${data}/mariadb/notejam-series)
[ "$found" = "$version" ] || refuse ${exitOtherVersion} "The data is of MariaDB $found, the image holds MariaDB $version"

password=$(sed "s/[\\\\']/&&/g" ${secrets}/password)
cat > ${run}/init.sql <<END
CREATE DATABASE IF NOT EXISTS ${name} CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '${name}'@'%';
ALTER USER '${name}'@'%' IDENTIFIED BY '$password' REQUIRE SSL;
GRANT ALL ON ${name}.* TO '${name}'@'%';
END
exec mariadbd --no-defaults --datadir=${data}/mariadb --socket=${run}/server.sock --pid-file=${run}/server.pid --init-file=${run}/init.sql \
  --bind-address='*' --port=3306 --skip-name-resolve --skip-log-bin --character-set-server=utf8mb4 --performance-schema=OFF \
  --ssl-cert=${secrets}/tls.crt --ssl-key=${secrets}/tls.key --ssl-ca=${secrets}/ca.crt --require-secure-transport=ON "$@"
`

/** The command that prepares the data folder at the first start and becomes the server; the server's settings follow as arguments. */
export const startCommands: Readonly<Record<ServerEngine, readonly string[]>> = {
  PostgreSQL: ['sh', '-c', startPostgres, 'start'],
  MySQL: ['sh', '-c', startMariadb, 'start'],
}

/** The command that asks the server whether it takes connections; by its socket, so neither a password nor a certificate is needed. */
export const probeCommands: Readonly<Record<ServerEngine, readonly string[]>> = {
  PostgreSQL: ['sh', '-c', `${findPostgres}; exec pg_isready --quiet --host=${run} --username=postgres --dbname=postgres`],
  MySQL: ['sh', '-c', `${findMariadb}; exec mariadb-admin --no-defaults --socket=${run}/server.sock --connect-timeout=3 ping`],
}

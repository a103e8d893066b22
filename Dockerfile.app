# The Notejam app. From a clean checkout, with public base images: docker build -f Dockerfile.app -t notejam .
#
# NODE_IMAGE    has Node and npm; the node command of the result is taken from it
# DEBIAN_IMAGE  has apt; the database clients, age, zstd and their libraries are taken from it
# BUNDLE        "source" bundles here; "prebuilt" takes app/dist of the context, as `npm run build -w app` leaves it
ARG NODE_IMAGE=node:26.10.0-trixie-slim
ARG DEBIAN_IMAGE=debian:trixie-slim

FROM ${NODE_IMAGE} AS bundle
ARG BUNDLE=source
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY app/package.json app/
COPY operator/package.json operator/
RUN case "$BUNDLE" in source) npm ci --ignore-scripts ;; prebuilt) ;; *) echo "BUNDLE is source or prebuilt, not $BUNDLE" >&2; exit 2 ;; esac
COPY app app
RUN if [ "$BUNDLE" = source ]; then rm -rf app/dist && npm run build --workspace app; fi \
  && test -f app/dist/main.js

FROM ${DEBIAN_IMAGE} AS rootfs
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    age ca-certificates libatomic1 libstdc++6 mariadb-client postgresql-client-17 tzdata zstd
COPY --from=bundle /usr/local/bin/node /usr/local/bin/node
# Only what is used goes on: programs, the libraries that the loader names for them, and a handful of files. The loader finds them without a
# cache, because Debian builds its own folder names into it.
RUN set -eu; \
  root=/rootfs; \
  mkdir -p "$root/etc/ssl/certs" "$root/usr/bin" "$root/usr/lib" "$root/usr/lib64" "$root/usr/share"; \
  ln -s usr/bin "$root/bin"; ln -s usr/lib "$root/lib"; ln -s usr/lib64 "$root/lib64"; \
  take() { for file in "$@"; do mkdir -p "$root$(dirname "$file")"; cp -L "$file" "$root$file"; done; }; \
  libraries() { for file in "$@"; do ldd "$file" | grep -o '/[^ ]*' | grep -v ':$' || true; done | sort -u; }; \
  cp /usr/lib/postgresql/17/bin/pg_dump /usr/lib/postgresql/17/bin/pg_restore /usr/lib/postgresql/17/bin/psql /usr/local/bin/; \
  cp -L /usr/bin/mariadb /usr/bin/mariadb-dump /usr/bin/age /usr/bin/age-keygen /usr/bin/zstd /usr/local/bin/; \
  plugins=$(find /usr/lib -path '*/libmariadb3/plugin/*.so'); \
  take /usr/local/bin/* $plugins; \
  take $(libraries /usr/local/bin/* $plugins); \
  take /etc/ssl/certs/ca-certificates.crt /etc/ssl/openssl.cnf; \
  cp -a /usr/share/zoneinfo "$root/usr/share/zoneinfo"; \
  printf 'root:x:0:0:root:/nonexistent:/nonexistent\nnotejam:x:65532:65532:Notejam:/tmp:/nonexistent\n' > "$root/etc/passwd"; \
  printf 'root:x:0:\nnotejam:x:65532:\n' > "$root/etc/group"; \
  printf 'passwd: files\ngroup: files\nhosts: files dns\n' > "$root/etc/nsswitch.conf"; \
  mkdir -m 1777 "$root/tmp"

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Notejam" \
  org.opencontainers.image.description="Notes in pads: the app that the Notejam operator runs" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
COPY --from=rootfs /rootfs /
COPY --from=bundle /build/app/dist /app
# glibc gives argon2's blocks back only with few arenas and a fixed threshold; a small young generation and a heap that follows the
# container's limit leave room for them beside Node's own memory.
ENV LANG=C.UTF-8 \
  HOME=/tmp \
  NODE_ENV=production \
  NODE_OPTIONS="--max-semi-space-size=4 --max-old-space-size-percentage=50" \
  MALLOC_ARENA_MAX=1 \
  MALLOC_MMAP_THRESHOLD_=1048576
USER 65532:65532
WORKDIR /app
EXPOSE 8080 9090
ENTRYPOINT ["/usr/local/bin/node", "/app/main.js"]
CMD ["serve"]

import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

import { Pool } from 'undici'
import type { Dispatcher } from 'undici'

import { ClusterError } from './errors.ts'

/** A line of the progress that the engine streams while it builds or imports (Docker Engine API, `POST /build`). */
interface EngineMessage {
  readonly stream?: string
  readonly status?: string
  readonly error?: string
}

/** What `docker image inspect` says, as far as it is used here. */
export interface ImageDetails {
  readonly Id: string
  readonly Size: number
  readonly Config: {
    readonly User?: string
    readonly Env?: readonly string[]
    readonly Entrypoint?: readonly string[] | null
    readonly Cmd?: readonly string[] | null
    readonly Labels?: Readonly<Record<string, string>> | null
  }
}

/** One build by the engine's own builder, which every engine has; BuildKit is none of Debian's. */
export interface EngineBuild {
  /** The context as a tar archive. */
  readonly context: Readable | Uint8Array
  readonly dockerfile: string
  readonly tag: string
  readonly buildArgs?: Readonly<Record<string, string>>
  readonly target?: string
  readonly signal?: AbortSignal | undefined
  readonly note?: (detail: string) => void
}

/** A container that is run to its end. */
export interface EngineRun {
  readonly image: string
  readonly command: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly readOnly?: boolean
  readonly memoryBytes?: number
  readonly signal?: AbortSignal | undefined
}

const keptLines = 30

/** Speaks the Docker Engine API over one address; holds no state of its own. Close it, or use `await using`. */
export class DockerEngine implements AsyncDisposable {
  /** As in `DOCKER_HOST`: `unix:///…` or `tcp://…`. */
  readonly address: string
  readonly #client: Pool

  constructor(address: string) {
    this.address = address
    const url = new URL(address)
    this.#client =
      url.protocol === 'unix:'
        ? new Pool('http://docker', { connect: { socketPath: url.pathname }, headersTimeout: 0, bodyTimeout: 0 })
        : new Pool(`http://${url.host}`, { headersTimeout: 0, bodyTimeout: 0 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy()
  }

  async #request(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    options: {
      readonly body?: Dispatcher.DispatchOptions['body']
      readonly headers?: Record<string, string>
      readonly signal?: AbortSignal | undefined
    } = {},
  ): Promise<Dispatcher.ResponseData> {
    return await this.#client.request({
      method,
      path,
      body: options.body ?? null,
      headers: options.headers ?? {},
      signal: options.signal ?? null,
    })
  }

  async #json<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const response = await this.#request(method, path, {
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      signal,
    })
    const answer = await response.body.text()
    if (response.statusCode >= 400) throw refused(method, path, response.statusCode, answer)
    // The engine's own schema; what is read of it is typed by the caller.
    return (answer === '' ? undefined : JSON.parse(answer)) as T
  }

  /** Reads a stream of messages to its end, which is where an error may be. */
  async #follow(response: Dispatcher.ResponseData, what: string, note?: (detail: string) => void): Promise<void> {
    if (response.statusCode >= 400) throw refused('POST', what, response.statusCode, await response.body.text())
    const tail: string[] = []
    let error: string | undefined
    // Read to the end in any case: a body that is left alone would keep its connection.
    for await (const line of linesOf(response.body)) {
      const message = JSON.parse(line) as EngineMessage
      error ??= message.error
      const said = (message.stream ?? message.status ?? '').trimEnd()
      if (said === '') continue
      tail.push(said)
      if (tail.length > keptLines) tail.shift()
      if (message.stream?.startsWith('Step ') === true) note?.(said.slice(0, 90))
    }
    if (error === undefined) return
    const details = [...tail, error].join('\n')
    throw new ClusterError('CommandFailed', `${what}: ${error.split('\n', 1)[0] ?? ''}`, { details })
  }

  /** Whether an engine answers there. */
  async ping(): Promise<boolean> {
    try {
      const response = await this.#request('GET', '/_ping', { signal: AbortSignal.timeout(2000) })
      await response.body.dump()
      return response.statusCode === 200
    } catch {
      return false
    }
  }

  /** Undefined when there is no image of that name. */
  async inspectImage(image: string): Promise<ImageDetails | undefined> {
    const path = `/images/${encodeURI(image)}/json`
    const response = await this.#request('GET', path)
    const answer = await response.body.text()
    if (response.statusCode === 404) return undefined
    if (response.statusCode >= 400) throw refused('GET', path, response.statusCode, answer)
    return JSON.parse(answer) as ImageDetails
  }

  /** Builds and tags; containers of the build use the network of the host, since bridges of ours have no way out. */
  async build(build: EngineBuild): Promise<void> {
    const query = new URLSearchParams({
      version: '1',
      dockerfile: build.dockerfile,
      t: build.tag,
      networkmode: 'host',
      forcerm: '1',
      buildargs: JSON.stringify(build.buildArgs ?? {}),
    })
    if (build.target !== undefined) query.set('target', build.target)
    const response = await this.#request('POST', `/build?${query.toString()}`, {
      body: build.context,
      headers: { 'content-type': 'application/x-tar' },
      signal: build.signal,
    })
    await this.#follow(response, `image ${build.tag}`, build.note)
  }

  /** Makes an image of one layer from a root file system; `changes` are Dockerfile instructions. */
  async importImage(rootfs: Readable, tag: string, changes: readonly string[], signal?: AbortSignal): Promise<void> {
    const [repo = '', version = 'latest'] = tag.split(/:(?=[^/]*$)/u)
    const query = new URLSearchParams({ fromSrc: '-', repo, tag: version })
    for (const change of changes) query.append('changes', change)
    const response = await this.#request('POST', `/images/create?${query.toString()}`, {
      body: rootfs,
      headers: { 'content-type': 'application/x-tar' },
      signal,
    })
    await this.#follow(response, `import of ${tag}`)
  }

  /** All names of the images of one repository, with the seconds since 1970 at which each was made. */
  async listImages(repository: string): Promise<readonly { readonly tag: string; readonly created: number }[]> {
    const filters = new URLSearchParams({ filters: JSON.stringify({ reference: [repository] }) })
    const images = await this.#json<readonly { RepoTags: readonly string[] | null; Created: number }[]>(
      'GET',
      `/images/json?${filters.toString()}`,
    )
    return images.flatMap(({ RepoTags, Created }) => (RepoTags ?? []).map((tag) => ({ tag, created: Created })))
  }

  /** Takes a name away; the image goes with its last name. No error if there is none. */
  async untag(image: string): Promise<void> {
    const response = await this.#request('DELETE', `/images/${encodeURI(image)}?noprune=true`)
    await response.body.dump()
  }

  /** An image as the archive that `docker save` writes. */
  async save(image: string, signal?: AbortSignal): Promise<Readable> {
    const path = `/images/${encodeURI(image)}/get`
    const response = await this.#request('GET', path, { signal })
    if (response.statusCode !== 200) throw refused('GET', path, response.statusCode, await response.body.text())
    return response.body
  }

  /** Runs a container to its end, returns what it wrote and its exit code, and removes it. */
  async run(run: EngineRun): Promise<{ readonly code: number; readonly output: string }> {
    const { Id: id } = await this.#json<{ Id: string }>('POST', '/containers/create', {
      Image: run.image,
      Cmd: run.command,
      ...(run.entrypoint === undefined ? {} : { Entrypoint: run.entrypoint }),
      Env: Object.entries(run.env ?? {}).map(([name, value]) => `${name}=${value}`),
      // One raw stream instead of two in frames.
      Tty: true,
      HostConfig: { NetworkMode: 'none', ReadonlyRootfs: run.readOnly ?? false, Memory: run.memoryBytes ?? 0 },
    })
    try {
      await this.#json('POST', `/containers/${id}/start`)
      const { StatusCode: code } = await this.#json<{ StatusCode: number }>('POST', `/containers/${id}/wait`, undefined, run.signal)
      const logs = await this.#request('GET', `/containers/${id}/logs?stdout=1&stderr=1`)
      return { code, output: (await text(logs.body)).replaceAll('\r\n', '\n') }
    } finally {
      await this.#json('DELETE', `/containers/${id}?force=1&v=1`)
    }
  }

  /** The root file system of an image as a tar archive; the stream must be read to its end. */
  async exportImage(image: string): Promise<{ readonly tar: Readable; readonly remove: () => Promise<void> }> {
    const { Id: id } = await this.#json<{ Id: string }>('POST', '/containers/create', { Image: image, Cmd: ['none'] })
    const response = await this.#request('GET', `/containers/${id}/export`)
    return { tar: response.body, remove: async () => await this.#json('DELETE', `/containers/${id}?force=1`) }
  }

  /** Ends and removes every container and every network that someone made: only for an engine that is ours alone. */
  async removeAll(): Promise<void> {
    const containers = await this.#json<readonly { Id: string }[]>('GET', '/containers/json?all=1')
    for (const { Id } of containers) await this.#json('DELETE', `/containers/${Id}?force=1&v=1`)
    await this.#json('POST', '/networks/prune')
    await this.#json('POST', '/volumes/prune')
  }
}

async function* linesOf(body: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines.filter((line) => line.trim() !== '')
  }
  if (rest.trim() !== '') yield rest
}

function refused(method: string, path: string, status: number, answer: string): ClusterError {
  let reason = answer.trim()
  try {
    reason = (JSON.parse(answer) as { message?: string }).message ?? reason
  } catch {
    // Not JSON: the text itself is what there is to say.
  }
  return new ClusterError(
    'CommandFailed',
    `Docker refused ${method} ${path.split('?', 1)[0] ?? path} (${status}): ${reason.split('\n', 1)[0] ?? ''}`,
  )
}

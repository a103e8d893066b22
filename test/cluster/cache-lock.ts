import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'

/** What {@link withLock} may be told. */
export interface LockOptions {
  readonly signal?: AbortSignal | undefined
  /** Called each time that the lock turns out to be held by someone else, with the holder's process id. */
  readonly onWait?: (holder: string) => void
}

// An abstract socket: the name lives in the kernel, not in a file system, and is gone the moment its process is, however that ended.
const socketName = (name: string): string => `\0notejam-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`

type Release = () => Promise<void>

async function tryAcquire(path: string): Promise<Release | undefined> {
  const waiters = new Set<Socket>()
  const server = createServer((socket) => {
    // Waiters stay connected: that this process or this server ends is what wakes them.
    waiters.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => waiters.delete(socket))
    socket.write(String(process.pid))
  })
  server.unref()
  const listening = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)))
    server.listen({ path }, () => resolve(true))
  })
  if (!listening) return undefined
  return async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of waiters) socket.destroy()
    await closed
  }
}

async function waitForRelease(path: string, options: LockOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ path })
    const abort = (): void => {
      socket.destroy()
      reject(options.signal?.reason)
    }
    options.signal?.addEventListener('abort', abort, { once: true })
    socket.once('data', (holder) => options.onWait?.(holder.toString()))
    socket.once('error', () => {})
    socket.once('close', () => {
      options.signal?.removeEventListener('abort', abort)
      resolve()
    })
  })
}

/**
 * Runs `work` while no other process of this machine does so under the same name; waits for its turn without polling. A holder that is
 * killed releases the lock by dying. Two network namespaces are two machines here: what is built must be safe to be built twice, the lock
 * only spares the work.
 */
export async function withLock<T>(name: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const path = socketName(name)
  for (;;) {
    options.signal?.throwIfAborted()
    const release = await tryAcquire(path)
    if (release === undefined) {
      await waitForRelease(path, options)
      continue
    }
    try {
      return await work()
    } finally {
      await release()
    }
  }
}

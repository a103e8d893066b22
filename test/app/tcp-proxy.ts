import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A wire to a server that can be cut, frozen and healed. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** Ends every connection and refuses new ones, as a server that is down does. */
  cut(): Promise<void>
  /** Swallows every byte of every connection, as a network that drops packets does. */
  freeze(): void
  heal(): Promise<void>
}

/** Puts a proxy on loopback in front of a server. */
export async function createTcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let frozen = false
  const server = createServer((near) => {
    const far = connect(target)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => {
        if (!frozen) {
          to.write(bytes)
        }
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject)
        resolve()
      })
    })
  await listen(0)
  const { port } = server.address() as AddressInfo
  const cut = async () => {
    const closed = new Promise((resolve) => {
      server.close(resolve)
    })
    for (const socket of sockets) {
      socket.resetAndDestroy()
    }
    await closed
  }
  return {
    port,
    cut,
    freeze: () => {
      frozen = true
    },
    heal: async () => {
      frozen = false
      if (!server.listening) {
        await listen(port)
      }
    },
    [Symbol.asyncDispose]: async () => {
      if (server.listening) {
        await cut()
      }
    },
  }
}

import { createServer, type Server } from 'node:net'
import { ClusterError } from './errors.ts'

async function listen(host: string, port: number): Promise<Server> {
  return await new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => resolve(server))
  })
}

const close = async (server: Server): Promise<void> => await new Promise((resolve) => server.close(() => resolve()))

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Ports of this machine that are free now, all different. Somebody else may take one before it is used: who starts a server on it must be ready to try again. */
export async function freePorts(count: number, host = '127.0.0.1'): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, async () => await listen(host, 0)))
  const ports = servers.map(portOf)
  await Promise.all(servers.map(close))
  return ports
}

/** @throws ClusterError `PortInUse` with what to do, if something listens on the port already */
export async function checkPortIsFree(port: number, host: string, advice: string): Promise<void> {
  let server: Server
  try {
    server = await listen(host, port)
  } catch (error) {
    throw new ClusterError('PortInUse', `port ${port} on ${host} is in use: ${advice}`, { cause: error })
  }
  await close(server)
}

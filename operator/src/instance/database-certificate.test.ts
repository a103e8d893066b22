import { randomBytes, X509Certificate } from 'node:crypto'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { makeServerCertificate } from './database-certificate.ts'

const now = Date.parse('2026-11-21T12:00:00Z')
const names = ['notes-database.team.svc', 'localhost'] as const
const make = (at = Date.now()) =>
  makeServerCertificate({ names: [...names], randomKey: (bytes) => randomBytes(bytes).toString('base64'), now: at })

describe('makeServerCertificate', () => {
  const closing: (() => void)[] = []
  afterEach(() => {
    for (const close of closing.splice(0)) close()
  })

  it('signs a certificate for the names, valid for ten years', () => {
    const { authority, certificate } = make(now)

    const [root, leaf] = [new X509Certificate(authority), new X509Certificate(certificate)]
    expect(root.ca).toBe(true)
    expect(leaf.ca).toBe(false)
    expect(leaf.verify(root.publicKey)).toBe(true)
    expect(leaf.subjectAltName).toBe('DNS:notes-database.team.svc, DNS:localhost')
    expect(leaf.validFromDate.toISOString()).toBe('2026-11-21T11:00:00.000Z')
    expect(leaf.validToDate.toISOString()).toBe('2036-11-18T12:00:00.000Z')
  })

  /** Connects as the app does, with the name verified; gives the error. */
  async function connectWith(ca: string, servername: string): Promise<string | undefined> {
    const { certificate, key } = pair
    const server = createServer({ cert: certificate, key }, (socket) => socket.end()).listen(0, '127.0.0.1')
    server.on('tlsClientError', () => undefined)
    closing.push(() => server.close())
    await once(server, 'listening')
    const socket: TLSSocket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ca, servername })
    closing.push(() => socket.destroy())
    return Promise.race([
      once(socket, 'secureConnect').then(() => undefined),
      once(socket, 'error').then(([error]) => (error as NodeJS.ErrnoException).code),
    ]).catch((error: unknown) => (error as NodeJS.ErrnoException).code)
  }
  const pair = make()

  it('is taken by a client that verifies authority and name', async () => {
    expect(await connectWith(pair.authority, names[0])).toBeUndefined()
  })

  it('is not taken under another name, nor by another authority', async () => {
    expect(await connectWith(pair.authority, 'other.team.svc')).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    expect(await connectWith(make().authority, names[0])).toMatch(/SIGNATURE|SELF_SIGNED|UNABLE/)
  })
})

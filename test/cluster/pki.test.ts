import { X509Certificate } from 'node:crypto'
import { createServer, connect } from 'node:tls'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { integer, oid } from './der.ts'
import { Authority } from './pki.ts'

describe('der', () => {
  test.each([
    ['1.2.840.10045.4.3.2', '06082a8648ce3d040302'],
    ['2.5.29.17', '0603551d11'],
    ['1.3.6.1.5.5.7.3.1', '06082b06010505070301'],
  ])('writes the object identifier %s', (dotted, hex) => {
    expect(oid(dotted).toString('hex')).toBe(hex)
  })

  test('writes an integer that reads as the same number, never as a negative one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
        const written = integer(bytes)
        const body = written.subarray(2)

        expect(written[1]).toBe(body.length)
        expect((body[0] ?? 0) & 0x80).toBe(0)
        expect(BigInt(`0x${body.toString('hex')}`)).toBe(BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
      }),
    )
  })
})

describe('an authority', () => {
  const authority = Authority.create('test-ca')

  test('signs what its certificate verifies, and another one does not', () => {
    const pair = authority.issue({ commonName: 'ada', organizations: ['one', 'two'], usages: ['client'] })
    const certificate = new X509Certificate(pair.cert)

    expect(certificate.verify(new X509Certificate(authority.cert).publicKey)).toBe(true)
    expect(certificate.verify(new X509Certificate(Authority.create('test-ca').cert).publicKey)).toBe(false)
    expect(certificate.subject).toBe('O=one\nO=two\nCN=ada')
    expect(certificate.ca).toBe(false)
    expect(new X509Certificate(authority.cert).ca).toBe(true)
  })

  test('goes on after it was loaded', () => {
    const loaded = Authority.load({ cert: authority.cert, key: authority.key })

    const certificate = new X509Certificate(loaded.issue({ commonName: 'later', usages: ['server'] }).cert)

    expect(certificate.issuer).toBe('CN=test-ca')
    expect(certificate.checkIssued(new X509Certificate(authority.cert))).toBe(true)
  })

  test('makes certificates that two sides of a connection accept', async () => {
    const server = authority.issue({ commonName: 'server', usages: ['server'], names: ['localhost', '127.0.0.1'] })
    const client = authority.issue({ commonName: 'client', usages: ['client'] })
    const listener = createServer({ ca: authority.cert, cert: server.cert, key: server.key, requestCert: true })
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const secured = once(listener, 'secureConnection')

    const socket = connect({
      host: '127.0.0.1',
      port: (listener.address() as AddressInfo).port,
      ca: authority.cert,
      cert: client.cert,
      key: client.key,
    })
    await once(socket, 'secureConnect')
    await secured

    expect(socket.authorized).toBe(true)
    socket.destroy()
    listener.close()
  })

  test('begins an hour ago and lasts ten years, whatever century that ends in', () => {
    const late = Authority.create('late', () => new Date('2045-06-01T00:00:00Z'))

    const certificate = new X509Certificate(late.cert)

    expect(new Date(certificate.validFrom).toISOString()).toBe('2045-05-31T23:00:00.000Z')
    expect(new Date(certificate.validTo).toISOString()).toBe('2055-05-30T00:00:00.000Z')
  })
})

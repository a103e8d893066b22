import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { bitString, boolean, context, integer, octetString, oid, sequence, set, time, utf8 } from './der.ts'

/** A private key with its certificate, both PEM. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

/** What a certificate says. */
export interface Subject {
  /** The common name: the user's name, when Kubernetes reads it as a client certificate. */
  readonly commonName: string
  /** Organizations: the user's groups, when Kubernetes reads it as a client certificate. */
  readonly organizations?: readonly string[]
  readonly usages: readonly ('client' | 'server')[]
  /** DNS names and IPv4 addresses that a server is called by. */
  readonly names?: readonly string[]
}

const OIDS = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAltName: '2.5.29.17',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const

const DAY_MS = 86_400_000
/** Longest life of what is made here; a person's cluster must outlive a few months, a test's only its run. */
const VALID_DAYS = 3650

const algorithm = sequence(oid(OIDS.ecdsaWithSha256))

function name(commonName: string, organizations: readonly string[]): Buffer {
  const attribute = (type: string, value: string): Buffer => set(sequence(oid(type), utf8(value)))
  return sequence(...organizations.map((value) => attribute(OIDS.organization, value)), attribute(OIDS.commonName, commonName))
}

const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(...(critical ? [oid(id), boolean(true)] : [oid(id)]), octetString(value))

function alternativeName(value: string): Buffer {
  return isIPv4(value) ? context(7, Buffer.from(value.split('.').map(Number)), false) : context(2, Buffer.from(value, 'ascii'), false)
}

interface CertificateRequest {
  readonly subject: Buffer
  readonly issuer: Buffer
  readonly publicKey: KeyObject
  readonly signer: KeyObject
  readonly extensions: readonly Buffer[]
  readonly now: Date
}

function certificate(request: CertificateRequest): string {
  const body = sequence(
    context(0, integer(Buffer.from([2])), true),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    request.issuer,
    // An hour back, so that a clock that is set between two machines or a container and its host does no harm.
    sequence(time(new Date(request.now.getTime() - DAY_MS / 24)), time(new Date(request.now.getTime() + VALID_DAYS * DAY_MS))),
    request.subject,
    request.publicKey.export({ format: 'der', type: 'spki' }),
    context(3, sequence(...request.extensions), true),
  )
  const signature = sign('sha256', body, request.signer)
  return new X509Certificate(sequence(body, algorithm, bitString(signature))).toString()
}

function newKey(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject; readonly pem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { publicKey, privateKey, pem: privateKey.export({ format: 'pem', type: 'pkcs8' }) }
}

/** An EC key pair in PEM without a certificate: what service account tokens are signed with. */
export function createSigningKey(): { readonly publicKey: string; readonly privateKey: string } {
  const key = newKey()
  return { publicKey: key.publicKey.export({ format: 'pem', type: 'spki' }), privateKey: key.pem }
}

/** A certificate authority of one cluster. Elliptic curves (P-256) only: a key takes less than a millisecond, an RSA one up to a second. */
export class Authority {
  readonly cert: string
  readonly key: string
  readonly #name: Buffer
  readonly #signer: KeyObject
  readonly #now: () => Date

  private constructor(pair: KeyPair, commonName: string, now: () => Date) {
    this.cert = pair.cert
    this.key = pair.key
    this.#name = name(commonName, [])
    this.#signer = createPrivateKey(pair.key)
    this.#now = now
  }

  /** Makes a new authority with a new key. */
  static create(commonName: string, now: () => Date = () => new Date()): Authority {
    const key = newKey()
    const self = name(commonName, [])
    const cert = certificate({
      subject: self,
      issuer: self,
      publicKey: key.publicKey,
      signer: key.privateKey,
      // keyCertSign and cRLSign are bits 5 and 6 of RFC 5280 4.2.1.3.
      extensions: [
        extension(OIDS.basicConstraints, true, sequence(boolean(true))),
        extension(OIDS.keyUsage, true, bitString(Buffer.from([0b0000_0110]), 1)),
      ],
      now: now(),
    })
    return new Authority({ cert, key: key.pem }, commonName, now)
  }

  /** Goes on with an authority that was kept on disk. */
  static load(pair: KeyPair, now: () => Date = () => new Date()): Authority {
    const commonName = /^CN=(.+)$/m.exec(new X509Certificate(pair.cert).subject)?.[1] ?? ''
    return new Authority(pair, commonName, now)
  }

  /** Makes a key and signs a certificate for it. */
  issue(subject: Subject): KeyPair {
    const key = newKey()
    const usages = subject.usages.map((usage) => oid(usage === 'client' ? OIDS.clientAuth : OIDS.serverAuth))
    const names = subject.names ?? []
    const cert = certificate({
      subject: name(subject.commonName, subject.organizations ?? []),
      issuer: this.#name,
      publicKey: key.publicKey,
      signer: this.#signer,
      extensions: [
        extension(OIDS.basicConstraints, true, sequence()),
        extension(OIDS.keyUsage, true, bitString(Buffer.from([0b1000_0000]), 7)),
        extension(OIDS.extendedKeyUsage, false, sequence(...usages)),
        ...(names.length === 0 ? [] : [extension(OIDS.subjectAltName, false, sequence(...names.map(alternativeName)))]),
      ],
      now: this.#now(),
    })
    return { cert, key: key.pem }
  }
}

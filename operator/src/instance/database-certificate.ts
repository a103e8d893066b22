import { generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto'

/** What the certificate of a server is made from. */
export interface CertificateOptions {
  /** DNS names by which the server is called; the first is its common name. */
  readonly names: readonly [string, ...string[]]
  /** Gives so many random bytes in base64. */
  readonly randomKey: (bytes: number) => string
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
}

/** Certificates and the server's key, all PEM. */
export interface ServerCertificate {
  /** Certificate of the authority that signed; its key is kept by nobody. */
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

/** The server's own Secret is made once and is not written again, so its certificate outlives any instance for Development and Test. */
const validDays = 3650
const dayMs = 86_400_000
/** An hour back, so that clocks that differ do no harm. */
const leewayMs = 3_600_000

/**
 * Makes an authority, and by it the certificate of one server (RFC 5280). Node signs and reads certificates but makes none, so the little that is needed
 * of ASN.1 DER (ITU-T X.690) is written here.
 */
export function makeServerCertificate({ names, randomKey, now }: CertificateOptions): ServerCertificate {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = nameOf(`Notejam database authority of ${names[0]}`)
  const certify = (subject: Buffer, publicKey: KeyObject, extensions: readonly Buffer[]): string => {
    const body = sequence(
      element(0xa0, integer(Buffer.from([2]))),
      integer(Buffer.concat([Buffer.from([1]), Buffer.from(randomKey(15), 'base64')])),
      ecdsaWithSha256,
      issuer,
      sequence(time(now - leewayMs), time(now + validDays * dayMs)),
      subject,
      publicKey.export({ format: 'der', type: 'spki' }),
      element(0xa3, sequence(...extensions)),
    )
    const signature = element(0x03, Buffer.from([0]), sign('sha256', body, authority.privateKey))
    return new X509Certificate(sequence(body, ecdsaWithSha256, signature)).toString()
  }
  return {
    authority: certify(issuer, authority.publicKey, [
      extension('2.5.29.19', sequence(element(0x01, Buffer.from([0xff])))),
      // keyCertSign, bit 5 of the key usages.
      extension('2.5.29.15', element(0x03, Buffer.from([2, 0b0000_0100]))),
    ]),
    certificate: certify(nameOf(names[0]), server.publicKey, [
      extension('2.5.29.19', sequence()),
      // digitalSignature, bit 0 of the key usages; serverAuth.
      extension('2.5.29.15', element(0x03, Buffer.from([7, 0b1000_0000]))),
      extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'))),
      extension('2.5.29.17', sequence(...names.map((name) => element(0x82, Buffer.from(name, 'ascii'))))),
    ]),
    key: server.privateKey.export({ format: 'pem', type: 'pkcs8' }),
  }
}

function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  const long =
    body.length < 0x80 ? [body.length] : body.length < 0x1_00 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...long]), body])
}

function sequence(...elements: readonly Uint8Array[]): Buffer {
  return element(0x30, ...elements)
}

/** Of bytes whose first bit is not set: a minus otherwise. */
function integer(bytes: Uint8Array): Buffer {
  return element(0x02, bytes)
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return element(0x06, Buffer.from(bytes))
}

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))

/** Longest common name (RFC 5280, appendix A.1, ub-common-name); clients look at the alternative names. */
const longestCommonName = 64

function nameOf(commonName: string): Buffer {
  const attribute = sequence(oid('2.5.4.3'), element(0x0c, Buffer.from(commonName.slice(0, longestCommonName), 'utf8')))
  return sequence(element(0x31, attribute))
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), element(0x01, Buffer.from([0xff])), element(0x04, value))
}

/** UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280, 4.1.2.5). */
function time(instant: number): Buffer {
  const date = new Date(instant)
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return date.getUTCFullYear() < 2050 ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits))
}

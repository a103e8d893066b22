/**
 * The part of ASN.1 DER (ITU-T X.690) that an X.509 certificate needs. Node signs and reads certificates but does not make them, and
 * starting `openssl` twice for each of a dozen certificates costs more time than the API server needs to start.
 */

function lengthOf(size: number): Buffer {
  if (size < 0x80) return Buffer.from([size])
  const bytes: number[] = []
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Buffer.from([0x80 | bytes.length, ...bytes])
}

/** One element with the tag byte as given: tag, length, content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  return Buffer.concat([Buffer.from([tag]), lengthOf(body.length), body])
}

/** SEQUENCE of the elements given. */
export const sequence = (...elements: readonly Uint8Array[]): Buffer => element(0x30, ...elements)

/** SET of the elements given; the caller sorts where DER asks for it. */
export const set = (...elements: readonly Uint8Array[]): Buffer => element(0x31, ...elements)

/** BOOLEAN. */
export const boolean = (value: boolean): Buffer => element(0x01, Buffer.from([value ? 0xff : 0]))

/** Non-negative INTEGER from big-endian bytes: leading zeros go, and one comes back where the first bit would mean a minus. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const body = bytes.subarray(start)
  return (body[0] ?? 0) >= 0x80 ? element(0x02, Buffer.from([0]), body) : element(0x02, body)
}

/** BIT STRING of whole bytes, or of the bits before `unusedBits` in the last one. */
export const bitString = (bytes: Uint8Array, unusedBits = 0): Buffer => element(0x03, Buffer.from([unusedBits]), bytes)

/** OCTET STRING. */
export const octetString = (bytes: Uint8Array): Buffer => element(0x04, bytes)

/** UTF8String. */
export const utf8 = (text: string): Buffer => element(0x0c, Buffer.from(text, 'utf8'))

/** Context-specific element, as in `[3] EXPLICIT` (constructed) or `[2] IMPLICIT` of a string (primitive). */
export const context = (number: number, content: Uint8Array, constructed: boolean): Buffer =>
  element((constructed ? 0xa0 : 0x80) | number, content)

/** OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return element(0x06, Buffer.from(bytes))
}

/** Time as RFC 5280 4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime from 2050 on. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return date.getUTCFullYear() < 2050 ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits))
}

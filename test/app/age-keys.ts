import { generateKeyPairSync } from 'node:crypto'

/** A key pair of `age`, as `age-keygen` makes it. */
export interface AgeKeys {
  /** `age1…`. */
  readonly recipient: string
  /** `AGE-SECRET-KEY-1…`. */
  readonly identity: string
}

/** Makes a key pair: X25519, written in Bech32 (BIP 173), as age's specification says (C2SP/age). */
export function createAgeKeys(): AgeKeys {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const raw = (der: Buffer): Buffer => der.subarray(-32)
  return {
    recipient: bech32('age', raw(publicKey.export({ format: 'der', type: 'spki' }))),
    identity: bech32('age-secret-key-', raw(privateKey.export({ format: 'der', type: 'pkcs8' }))).toUpperCase(),
  }
}

const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const generator = [0x3b_6a_57_b2, 0x26_50_8e_6d, 0x1e_a1_19_fa, 0x3d_42_33_dd, 0x2a_14_62_b3]

function bech32(prefix: string, data: Uint8Array): string {
  const words = fiveBits(data)
  const codes = [...prefix].map((letter) => letter.charCodeAt(0))
  const expanded = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)]
  const check = polymod([...expanded, ...words, 0, 0, 0, 0, 0, 0]) ^ 1
  const sum = Array.from({ length: 6 }, (_, at) => (check >>> (5 * (5 - at))) & 31)
  return `${prefix}1${[...words, ...sum].map((word) => alphabet[word]).join('')}`
}

function fiveBits(data: Uint8Array): number[] {
  const bits = [...data].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map((part) => Number.parseInt(part.padEnd(5, '0'), 2))
}

function polymod(values: readonly number[]): number {
  let sum = 1
  for (const value of values) {
    const top = sum >>> 25
    sum = ((sum & 0x1_ff_ff_ff) << 5) ^ value
    for (const [bit, part] of generator.entries()) {
      if (((top >>> bit) & 1) === 1) sum ^= part
    }
  }
  return sum >>> 0
}

import { createHmac, hkdfSync } from 'node:crypto'
import { emailKey } from '../db/text-keys.ts'

/** Never a domain of anybody, and no mail leaves for it (RFC 2606). */
export const maskedDomain = 'masked.invalid'

/** What stands for values that must stay the same wherever they occur. */
export interface Pseudonyms {
  /** Of an e-mail address; addresses of one account (`emailKey`) have one. */
  address(email: string): string
  /** Of an opaque identifier, as a UUID. */
  identifier(value: string): string
}

/** How {@link createPseudonyms} makes them. */
export interface PseudonymOptions {
  /** The secret key of the app whose data is masked; what is derived from it opens nothing else. */
  readonly secretKey: string
  /**
   * Whether what this key made is left as it is. Only for a database of which every row is known to be masked: else whoever knows a pseudonym could
   * register it as an address.
   */
  readonly keepOwn: boolean
}

const info = 'notejam/mask/v1'
const keyBytes = 32
/** Five bits each: 100 bits of pseudonym, 40 bits by which it is recognised. */
const nameLetters = 20
const markLetters = 8
/** The last group of a UUID. */
const uuidMarkBytes = 6
const letters = 'abcdefghijklmnopqrstuvwxyz234567'

/**
 * Pseudonyms under a key that only the owner of the originals has (HMAC-SHA256, key by HKDF), so that nobody who tries all addresses of the world can tell
 * whose they are, while every copy made with the key has the same.
 */
export function createPseudonyms({ secretKey, keepOwn }: PseudonymOptions): Pseudonyms {
  const key = Buffer.from(hkdfSync('sha256', secretKey, '', info, keyBytes))
  const keyed = (purpose: string, value: string): Buffer => createHmac('sha256', key).update(`${purpose}\0${value}`).digest()
  const mark = (name: string): string => spell(keyed('mark', name), markLetters)

  const isOwnAddress = (email: string): boolean => {
    const [, name = '', marked] = /^([a-z2-7]{20})([a-z2-7]{8})@masked\.invalid$/.exec(email) ?? []
    return marked !== undefined && marked === mark(name)
  }
  const uuid = (name: string): string => `${name}-${keyed('mark', name).toString('hex', 0, uuidMarkBytes)}`

  return {
    address(email) {
      if (keepOwn && isOwnAddress(email)) return email
      const name = spell(keyed('address', emailKey(email)), nameLetters)
      return `${name}${mark(name)}@${maskedDomain}`
    },
    identifier(value) {
      if (keepOwn && value === uuid(value.slice(0, -1 - 2 * uuidMarkBytes))) return value
      const hex = keyed('identifier', value).toString('hex')
      // A version and variant of its own (RFC 9562: version 8 is for such).
      return uuid(`${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(12, 15)}-8${hex.slice(15, 18)}`)
    },
  }
}

function spell(bytes: Buffer, count: number): string {
  return Array.from(bytes.subarray(0, count), (byte) => letters[byte % letters.length] ?? '').join('')
}

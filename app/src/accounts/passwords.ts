import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { createGate } from '../http/gate.ts'

/** What one hash costs. */
export interface PasswordCost {
  readonly memoryKiB: number
  readonly passes: number
  readonly parallelism: number
}

/** Hashes passwords and compares them. */
export interface Passwords {
  /** argon2id in PHC string form. */
  hash(password: string): Promise<string>
  /** Takes as long when there is no such account (`phc` undefined) as when there is. */
  verify(password: string, phc: string | undefined): Promise<boolean>
  /** Whether the hash was made with other parameters than are in force, so that a sign-in should renew it. */
  isOutdated(phc: string): boolean
}

/** OWASP's Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane. */
export const standardCost: PasswordCost = { memoryKiB: 19_456, passes: 2, parallelism: 1 }

const saltBytes = 16
const tagBytes = 32
/** Two hashes at once: more would not be faster on two cores, and each holds its memory. */
const atOnce = 2

/**
 * Passwords under argon2id (RFC 9106) of `node:crypto`, which computes in the thread pool, so other requests go on. They are brought to one Unicode
 * composition first (NIST SP 800-63B, 3.1.1.2): the same keys on another keyboard give the same password.
 */
export function createPasswords(cost: PasswordCost = standardCost): Passwords {
  const gate = createGate(atOnce)
  /** What stands in for the hash of an account that does not exist: no password is known to give it, and none is asked whether it does. */
  const nobody: Parsed = { cost, salt: randomBytes(saltBytes), tag: randomBytes(tagBytes) }
  return {
    async hash(password) {
      const salt = randomBytes(saltBytes)
      const tag = await gate(async () => derive(password, salt, cost, tagBytes))
      return `$argon2id$v=19$m=${cost.memoryKiB},t=${cost.passes},p=${cost.parallelism}$${unpadded(salt)}$${unpadded(tag)}`
    },
    async verify(password, phc) {
      const parsed = phc === undefined ? nobody : parsePhc(phc)
      if (parsed === undefined) return false
      const tag = await gate(async () => derive(password, parsed.salt, parsed.cost, parsed.tag.length))
      return timingSafeEqual(tag, parsed.tag) && phc !== undefined
    },
    isOutdated(phc) {
      const parsed = parsePhc(phc)
      return (
        parsed === undefined ||
        parsed.cost.memoryKiB !== cost.memoryKiB ||
        parsed.cost.passes !== cost.passes ||
        parsed.cost.parallelism !== cost.parallelism ||
        parsed.tag.length !== tagBytes
      )
    },
  }
}

interface Parsed {
  readonly cost: PasswordCost
  readonly salt: Buffer
  readonly tag: Buffer
}

function parsePhc(phc: string): Parsed | undefined {
  const match = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/.exec(phc)
  if (match === null) return undefined
  const [, memory, passes, parallelism, salt = '', tag = ''] = match
  return {
    cost: { memoryKiB: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  }
}

async function derive(password: string, nonce: Buffer, cost: PasswordCost, tagLength: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const message = Buffer.from(password.normalize('NFKC'))
    argon2(
      'argon2id',
      { message, nonce, parallelism: cost.parallelism, tagLength, memory: cost.memoryKiB, passes: cost.passes },
      (error, key) => {
        if (error === null) resolve(key)
        else reject(error)
      },
    )
  })
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

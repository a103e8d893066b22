import type { NewRow } from '../db/schema.ts'
import { emailKey, nameKey } from '../db/text-keys.ts'
import { randomFromSeed, type SeededRandom } from './random-from-seed.ts'

/** How much is generated, and from which number. The same plan gives the same rows. */
export interface SeedPlan {
  readonly seed: number
  readonly users: number
  /** Pads of each user. */
  readonly pads: number
  /** Notes of each user. */
  readonly notes: number
}

/** The password of every generated or masked account, which is no secret: their data is for Development and Test. */
export const seedPassword = 'notejam-seed'

/** {@link seedPassword} under argon2id with the parameters of the app; kept, so that the same seed gives the same row. */
export const seedPasswordHash = '$argon2id$v=19$m=19456,t=2,p=1$oMFfhvFbzPKpN6hKiol7rQ$v9ohk44VlAOvjo1IKpc9s7yo/IbmdtTlRDQ1wa55EYg'

/** 2026-01-01T00:00:00Z: generated times depend on the plan alone. */
const epoch = 1_767_225_600_000
const minute = 60_000

const nouns = [
  'meeting',
  'garden',
  'recipe',
  'journey',
  'budget',
  'reading',
  'repair',
  'birthday',
  'project',
  'idea',
  'report',
  'shopping',
  'winter',
  'train',
  'letter',
  'Ärger',
  'crème brûlée',
  '買い物',
  'заметка',
  'ملاحظة',
  'हिन्दी',
  '🚲 tour',
  'façade',
  'smörgåsbord',
  'naïve plan',
] as const
const verbs = ['call', 'plan', 'finish', 'ask about', 'prepare', 'compare', 'remember', 'order', 'write down', 'think over'] as const
const words =
  'a list of things that should be done before the end of the week and some that may wait until spring comes back with longer days and better light for work outside'.split(
    ' ',
  )
const padNames = ['Home', 'Work', 'Travel', 'Cooking', 'Books', 'Ideas', 'Español', '日本語', 'Проекты', 'Later'] as const

/** The address of a generated account. */
export function seedEmail({ seed }: Pick<SeedPlan, 'seed'>, user: number): string {
  return `user${user + 1}@seed-${seed}.example.org`
}

/** The row of a generated account; `note_count` is set when its notes are there. */
export function seedUser(plan: SeedPlan, user: number): NewRow<'users'> {
  const email = seedEmail(plan, user)
  const created = epoch + user * minute
  return { email, email_key: emailKey(email), password_hash: seedPasswordHash, created_at: created, password_changed_at: created }
}

/** The rows of an account's pads, without ids. */
export function seedPads(plan: SeedPlan, user: number, userId: number): NewRow<'pads'>[] {
  return Array.from({ length: plan.pads }, (_, index) => {
    const base = padNames[index % padNames.length] ?? 'Pad'
    const name = index < padNames.length ? base : `${base} ${Math.floor(index / padNames.length) + 1}`
    const at = epoch + user * minute + index
    return { user_id: userId, name, name_key: nameKey(name), created_at: at, updated_at: at, deleted_at: null, deletion_id: null }
  })
}

/** A generated note; `pad` is the place of its pad among the account's, or undefined. */
export interface SeedNote {
  readonly pad: number | undefined
  readonly name: string
  readonly text: string
  readonly at: number
}

/** One note; it depends on the plan's seed and the two places alone, so any part can be made without the rest. */
export function seedNote(plan: SeedPlan, user: number, index: number): SeedNote {
  const random = randomFromSeed(
    Math.imul(plan.seed + 1, 0x9e_37_79_b1) ^ Math.imul(user + 1, 0x85_eb_ca_77) ^ Math.imul(index + 1, 0xc2_b2_ae_3d),
  )
  const name = `${random.pick(verbs)} ${random.pick(nouns)} ${index + 1}`
  const inPad = plan.pads > 0 && random.below(10) < 8
  return { pad: inPad ? random.below(plan.pads) : undefined, name, text: text(random), at: epoch + index * minute + random.below(minute) }
}

function text(random: SeededRandom): string {
  const lines = Array.from({ length: 1 + random.below(6) }, () =>
    Array.from({ length: 3 + random.below(12) }, () => (random.below(15) === 0 ? random.pick(nouns) : random.pick(words))).join(' '),
  )
  const link = random.below(8) === 0 ? [`https://example.org/${random.below(10_000)}`] : []
  return [...lines, ...link].join('\n')
}

import { randomFromSeed } from '../../app/src/data/random-from-seed.ts'
import type { OpenDatabase } from '../../app/src/db/open-database.ts'
import { putSearchWords, searchWords } from '../../app/src/db/search-index.ts'
import { emailKey, nameKey } from '../../app/src/db/text-keys.ts'
import { insertWithId } from '../../app/src/db/transact.ts'

/** What one script writes with, and a sentence with punctuation and lines. */
interface Script {
  readonly name: string
  readonly letters: string
  readonly sentence: string
}

/** The scripts that masking promises. */
export const scripts: readonly Script[] = [
  {
    name: 'Latin',
    letters: 'abcdefghijklmnopqrstuvwxyz',
    sentence: '# Meeting notes\n- call the plumber\n- [x] pay 42.50 for it, see https://example.org/a',
  },
  { name: 'LatinAccents', letters: 'äöüßéèêçñåøłžšč', sentence: 'Füße in Größe vierzig — „so“ fällt’s leichter' },
  { name: 'Cyrillic', letters: 'абвгдежзиклмнопрстуфхцчшщэюя', sentence: 'Купить хлеба, молока; позвонить маме!\nІ ще дещо…' },
  { name: 'Greek', letters: 'αβγδεζηθικλμνξοπρστυφχψω', sentence: 'Καλημέρα κόσμε· τι κάνεις;' },
  { name: 'Arabic', letters: 'بتثجحخسشصضطظعغفقكلمنهي', sentence: 'قائمة المشتريات: خبز، حليب، تفاح؟' },
  { name: 'Hebrew', letters: 'אבגדהוזחטיכלמנסעפצקרשת', sentence: 'רשימת קניות: לחם, חלב, תפוחים.' },
  { name: 'Devanagari', letters: 'कखगघचछजझटठडढतथदधनपफबभमयरलवशसह', sentence: 'आज की सूची: दूध, रोटी और फल।' },
  { name: 'Thai', letters: 'กขคงจฉชซดตถทธนบปผพฟภมยรลวสหอ', sentence: 'วันนี้ต้องซื้อนมและขนมปัง' },
  { name: 'Han', letters: '天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往秋收冬藏', sentence: '買い物清單：牛奶、麵包，還有蘋果。' },
  {
    name: 'Kana',
    letters: 'あいうえおかきくけこさしすせそたちつてとなにぬねのアイウエオカキクケコ',
    sentence: 'きょうのメモ：パンとぎゅうにゅうをかう。',
  },
  { name: 'Hangul', letters: '가나다라마바사아자차카타파하고노도로모보소오조초코토포호', sentence: '오늘 할 일: 빵과 우유 사기!' },
  { name: 'Armenian', letters: 'աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցփքօֆ', sentence: 'Գնել հաց, կաթ և խնձոր։' },
  { name: 'Georgian', letters: 'აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ', sentence: 'იყიდე პური, რძე და ვაშლი.' },
  { name: 'Emoji', letters: '😀😎🚲🌍🎉🍎🐶🚀📚🎸🏠🌞🍕🐱🎈🔑', sentence: '🥖🥛🍏 → 🏪 👩‍👩‍👧 👍🏽' },
]

/** What was planted, to be looked for afterwards. */
export interface Planted {
  /** Unique words, one in each value that a person wrote. */
  readonly tokens: readonly string[]
  /** Whole values of one line: addresses, names, titles, lines of texts. */
  readonly values: readonly string[]
  /** Password hashes, hashes of tokens and the like. */
  readonly secrets: readonly string[]
  /** Accounts, pads and notes. */
  readonly rows: { readonly users: number; readonly pads: number; readonly notes: number }
}

/** A password hash of nobody, unique. */
const phc = (mark: string) => `$argon2id$v=19$m=19456,t=2,p=1$${mark.padEnd(22, 'A')}$${mark.padEnd(43, 'B')}`
const hex = (mark: string) => Buffer.from(mark).toString('hex').padEnd(64, '0').slice(0, 64)
const hour = 3_600_000
const epoch = 1_767_225_600_000

/** Makes unique words. */
class Tokens {
  readonly all: string[] = []
  readonly #random = randomFromSeed(20_261_121)

  /** One that no value holds as it is, to be made a hash of. */
  unseen(): string {
    return Array.from({ length: 12 }, () => this.#random.below(36).toString(36)).join('')
  }

  /** Twelve letters of a script: long enough that chance does not make it again. */
  take({ letters }: Pick<Script, 'letters'>): string {
    const from = [...letters]
    const token = Array.from({ length: 12 }, () => this.#random.pick(from)).join('')
    this.all.push(token)
    return token
  }
}

/** Fills a migrated database with one account for each script, and a token in every value; rows of every table. */
export async function plantData({ db, engine }: OpenDatabase, notesPerUser = 3): Promise<Planted> {
  const tokens = new Tokens()
  const [latin = { letters: 'abc' }] = scripts
  const values: string[] = []
  const secrets: string[] = []
  const ascii = () => tokens.take(latin)
  let pads = 0
  let notes = 0
  for (const [index, script] of scripts.entries()) {
    const word = () => tokens.take(script)
    const at = epoch + index * hour
    const local = script.name === 'Emoji' ? ascii() : word()
    const email = `${index % 2 === 0 ? local : local.toUpperCase()}@${ascii()}.example.org`
    const passwordHash = phc(ascii())
    const user = { email, email_key: emailKey(email), password_hash: passwordHash, created_at: at, password_changed_at: at }
    const userId = await insertWithId(db, engine, 'users', { ...user, note_count: notesPerUser })
    values.push(email, emailKey(email))
    secrets.push(passwordHash)

    const padName = `${word()} ${script.name} 1`
    const pad = { user_id: userId, name: padName, name_key: nameKey(padName), note_count: notesPerUser, created_at: at, updated_at: at }
    const padId = await insertWithId(db, engine, 'pads', pad)
    const deletion = `deletion-${ascii()}`
    const gonePad = word()
    await insertWithId(db, engine, 'pads', {
      ...pad,
      name: gonePad,
      name_key: nameKey(gonePad),
      note_count: 0,
      deleted_at: at + 1,
      deletion_id: deletion,
    })
    pads += 2
    values.push(padName, gonePad)

    for (let number = 0; number <= notesPerUser; number += 1) {
      const deleted = number === notesPerUser
      const name = `${word()}, ${script.name} (${number})`
      const text = `${script.sentence}\n\n${word()} ${word()}\n${'='.repeat(number)}`
      const id = await insertWithId(db, engine, 'notes', {
        user_id: userId,
        pad_id: number % 2 === 0 ? padId : null,
        name,
        name_key: nameKey(name),
        text,
        created_at: at + number,
        updated_at: at + number,
        deleted_at: deleted ? at + 1 : null,
        deletion_id: deleted ? deletion : null,
      })
      await putSearchWords(db, engine, [{ noteId: id, words: searchWords(name, text) }])
      notes += 1
      values.push(name, ...text.split('\n').filter((line) => [...line].length > 7 && !/^=+$/.test(line)))
    }

    const times = { created_at: at, expires_at: at + hour }
    const hashes = [tokens.unseen(), tokens.unseen(), tokens.unseen()].map((token) => hex(token))
    const [session = '', reset = '', api = ''] = hashes
    secrets.push(...hashes)
    const agent = { user_agent: `Browser ${ascii()}`, address: `2001:db8::${(index + 1).toString(16)}:beef`, last_seen_at: at }
    await db
      .insertInto('sessions')
      .values({ user_id: userId, token_hash: session, ...times, ...agent })
      .execute()
    await db
      .insertInto('password_resets')
      .values({ user_id: userId, token_hash: reset, ...times, used_at: null })
      .execute()
    const tokenName = word()
    await db
      .insertInto('api_tokens')
      .values({ user_id: userId, name: tokenName, token_hash: api, hint: ascii(), scopes: 'notes:read', ...times, last_used_at: null })
      .execute()
    const mail = { recipient: email, subject: word(), text_body: `${word()}\n`, html_body: `<p>${word()}</p>`, last_error: ascii() }
    await db
      .insertInto('mail_outbox')
      .values({ ...mail, created_at: at, next_attempt_at: at })
      .execute()
    const bucket = hex(tokens.unseen())
    const erased = hex(tokens.unseen())
    secrets.push(bucket, erased)
    await db.insertInto('throttle_windows').values({ bucket, window_start: at, hits: 1 }).execute()
    await db.insertInto('erased_accounts').values({ id_hash: erased, erased_at: at }).execute()
  }
  return { tokens: tokens.all, values, secrets, rows: { users: scripts.length, pads, notes } }
}

/** The planted words as a full-text index writes them: without the beginning, which SQLite leaves out where the term before has the same. */
export function indexNeedlesOf({ tokens }: Planted): string[] {
  return tokens.flatMap((token) => searchWords(token)).map((term) => term.slice(-Math.max(9, Math.ceil(term.length * 0.6))))
}

/**
 * Every spelling in which something planted could still be there: as it was, folded, and as the search index writes it. Nothing shorter than seven
 * characters, which chance makes again.
 */
export function needlesOf(planted: Planted): string[] {
  const { tokens, values, secrets } = planted
  const plain = [...tokens, ...values, ...secrets]
  const folded = plain.flatMap((text) => [nameKey(text), text.normalize('NFD'), text.toLowerCase(), JSON.stringify(text).slice(1, -1)])
  return [...new Set([...plain, ...folded, ...indexNeedlesOf(planted)])].filter((needle) => [...needle].length > 6)
}

/** Which of the needles occur in bytes; one pass, however many there are. */
export function findNeedles(haystack: Uint8Array, needles: readonly string[]): string[] {
  const found = new Set<string>()
  const byBeginning = new Map<number, { readonly needle: string; readonly bytes: Buffer }[]>()
  for (const needle of needles) {
    const bytes = Buffer.from(needle)
    const beginning = bytes.readUInt32BE(0)
    byBeginning.set(beginning, [...(byBeginning.get(beginning) ?? []), { needle, bytes }])
  }
  const first = new Uint8Array(65_536)
  for (const beginning of byBeginning.keys()) first[beginning >>> 16] = 1
  const buffer = Buffer.from(haystack.buffer, haystack.byteOffset, haystack.byteLength)
  for (let at = 0; at < buffer.length - 3; at += 1) {
    if (first[((buffer[at] ?? 0) << 8) | (buffer[at + 1] ?? 0)] === 0) continue
    for (const { needle, bytes } of byBeginning.get(buffer.readUInt32BE(at)) ?? []) {
      if (buffer.compare(bytes, 0, bytes.length, at, Math.min(at + bytes.length, buffer.length)) === 0) found.add(needle)
    }
  }
  return needles.filter((needle) => found.has(needle))
}

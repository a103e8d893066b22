/** Characters of one kind, and what stands for them. */
export interface Alphabet {
  /** Matches one character of the kind. */
  readonly members: RegExp
  /** What a member may become. Each is a member itself and takes as many bytes in UTF-8, so masking a masked text changes nothing. */
  readonly characters: readonly string[]
}

function alphabet(members: RegExp, characters: string): Alphabet {
  return { members, characters: [...characters] }
}

function range(first: string, last: string): string {
  const from = first.codePointAt(0) ?? 0
  const to = last.codePointAt(0) ?? 0
  return Array.from({ length: to - from + 1 }, (_, offset) => String.fromCodePoint(from + offset)).join('')
}

function only(characters: string, pattern: RegExp): string {
  return [...characters].filter((character) => pattern.test(character)).join('')
}

const latinUpper = 'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝĀĂĄĆČĎĐĒĘĚĞŁŃŇŌŐŒŘŚŞŠŤŪŮŰŹŻŽ'
const latinLower = 'àáâãäåæçèéêëìíîïñòóôõöøùúûüýāăąćčďđēęěğłńňōőœřśşšťūůűźżž'

/**
 * The scripts that people write most, first match first; `character-class.ts` does the others by block. Letters that are commonly read stand for rare ones
 * of their script.
 */
export const alphabets: readonly Alphabet[] = [
  alphabet(/^[a-z]$/, range('a', 'z')),
  alphabet(/^[A-Z]$/, range('A', 'Z')),
  alphabet(/^(?=[\u0080-\u07FF])(?:\p{sc=Latin}|µ)(?<![\p{Lu}\p{Lm}])$/u, latinLower),
  alphabet(/^(?=[\u0080-\u07FF])\p{sc=Latin}(?<=\p{Lu})$/u, latinUpper),
  alphabet(/^(?=[\u0080-\u07FF])\p{sc=Cyrillic}(?<=\p{Ll})$/u, range('а', 'я')),
  alphabet(/^(?=[\u0080-\u07FF])\p{sc=Cyrillic}(?<=\p{Lu})$/u, range('А', 'Я')),
  alphabet(/^(?=[\u0080-\u07FF])\p{sc=Greek}(?<=\p{Ll})$/u, 'αβγδεζηθικλμνξοπρστυφχψωάέήίόύώ'),
  alphabet(/^(?=[\u0080-\u07FF])\p{sc=Greek}(?<=\p{Lu})$/u, 'ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ'),
  alphabet(/^(?=[\u0080-\u07FF])\p{sc=Armenian}(?<=\p{Ll})$/u, range('ա', 'ֆ')),
  alphabet(/^(?=[\u0080-\u07FF])\p{sc=Armenian}(?<=\p{Lu})$/u, range('Ա', 'Ֆ')),
  alphabet(/^[\u10D0-\u10F0]$/, range('ა', 'ჰ')),
  // Letters that only end a word do so afterwards.
  alphabet(/^[ךםןףץ]$/, 'ךםןףץ'),
  alphabet(/^\p{sc=Hebrew}(?<=[\u0080-\u07FF])(?<=\p{Lo})$/u, 'אבגדהוזחטיכלמנסעפצקרשת'),
  // The letters that join on both sides, so that words keep their look.
  alphabet(/^[اأإآدذرزوؤءةى]$/, 'ادذرزو'),
  alphabet(/^\p{sc=Arabic}(?<=[\u0080-\u07FF])(?<=\p{Lo})$/u, 'بتثجحخسشصضطظعغفقكلمنهي'),
  alphabet(/^[\u064B-\u0650]$/, range('\u064B', '\u0650')),
  // Vowels before, after, above and below stay where they are, so that syllables can be drawn.
  alphabet(/^[\u0E01-\u0E2E]$/, 'กขคงจฉชซดตถทธนบปผพฟภมยรลวสหอ'),
  alphabet(/^[\u0E40-\u0E44]$/, range('\u0E40', '\u0E44')),
  alphabet(/^[\u0E30\u0E32\u0E45]$/, '\u0E30\u0E32'),
  alphabet(/^[\u0E34-\u0E37]$/, range('\u0E34', '\u0E37')),
  alphabet(/^[\u0E38\u0E39]$/, range('\u0E38', '\u0E39')),
  alphabet(/^[\u0E48-\u0E4B]$/, range('\u0E48', '\u0E4B')),
  alphabet(/^[\u0915-\u0939]$/, 'कखगघचछजझटठडढणतथदधनपफबभमयरलवशषसह'),
  alphabet(/^[\u0904-\u0914]$/, 'अआइईउऊएऐओऔ'),
  alphabet(/^[\u093E\u093F\u0940\u0949-\u094C]$/, '\u093E\u093F\u0940\u094B\u094C'),
  alphabet(/^[\u0941-\u0943\u0945-\u0948]$/, '\u0941\u0942\u0947\u0948'),
  alphabet(/^[\u0900-\u0902]$/, '\u0901\u0902'),
  alphabet(/^[ぁぃぅぇぉっゃゅょゎ]$/, 'ぁぃぅぇぉっゃゅょ'),
  alphabet(
    /^\p{sc=Hiragana}(?<=[\u3041-\u3096])$/u,
    'あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん',
  ),
  alphabet(/^[ァィゥェォッャュョヮ]$/, 'ァィゥェォッャュョ'),
  alphabet(
    /^\p{sc=Katakana}(?<=[\u30A1-\u30FA])$/u,
    'アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン',
  ),
  alphabet(/^\p{sc=Hangul}(?<=[\uAC00-\uD7A3])$/u, range('가', '힣')),
  alphabet(/^\p{sc=Han}(?<=[\u3400-\u9FFF\uF900-\uFAFF])(?<=\p{Lo})$/u, range('一', '\u9FA5')),
  alphabet(/^[\u{1F1E6}-\u{1F1FF}]$/u, range('\u{1F1E6}', '\u{1F1FF}')),
  alphabet(/^\p{Emoji_Modifier}$/u, range('\u{1F3FB}', '\u{1F3FF}')),
  alphabet(
    /^(?=[\u{10000}-\u{10FFFF}])\p{Extended_Pictographic}$/u,
    only(range('\u{1F330}', '\u{1F64F}') + range('\u{1F680}', '\u{1F6C5}'), /^(?!\p{Emoji_Modifier})\p{Emoji_Presentation}$/u),
  ),
  alphabet(/^(?=[\u2000-\uFFFF])(?!\p{P})\p{Extended_Pictographic}$/u, only(range('\u231A', '\u2764'), /^\p{Emoji_Presentation}$/u)),
  // Accents above a letter, and below it.
  alphabet(
    /^[\u0300-\u0315\u031A\u033D-\u0344\u0346\u034A-\u034C\u0350-\u0352\u0357\u035B]$/,
    '\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030A\u030B\u030C',
  ),
  alphabet(
    /^[\u0316-\u0319\u031C-\u0333\u0339-\u033C\u0347-\u0349\u034D\u034E\u0353-\u0356\u0359\u035A]$/,
    '\u0323\u0324\u0325\u0326\u0327\u0328\u032D\u0330\u0331',
  ),
  // Invisible characters that could spell something.
  alphabet(/^[\u{E0001}\u{E0020}-\u{E007E}]$/u, range('\u{E0061}', '\u{E007A}')),
  alphabet(/^[\u{E0100}-\u{E01EF}]$/u, range('\u{E0100}', '\u{E01EF}')),
  alphabet(/^[\u200B\u2060-\u2064\uFEFF]$/, '\u200B'),
]

/**
 * A piece of markup that may be sent as it is. Only {@link html}, {@link attributes} and {@link trusted} make one,
 * so a string that came from a person can never be mistaken for markup.
 */
export class Html {
  readonly value: string

  constructor(value: string) {
    this.value = value
  }

  toString(): string {
    return this.value
  }
}

/** Attributes ready to stand inside a tag: the only value that a template accepts there outside of quotes. */
export class HtmlAttributes extends Html {}

/** What a template can hold. Nothing is printed for `null`, `undefined`, `false` and `true`; lists are joined. */
export type Renderable = Html | string | number | bigint | boolean | null | undefined | readonly Renderable[]

/** Where a slot of a template stands, which decides what it accepts. */
type Slot = 'text' | 'quoted' | 'tag'

const slotsByTemplate = new WeakMap<TemplateStringsArray, readonly Slot[]>()

/**
 * Builds markup; everything that is not {@link Html} is escaped. The template itself is read once: a slot in an unquoted attribute
 * value, in a comment, or within `script` or `style` is refused, because escaping could not protect it there.
 *
 * @example
 * html`<a href="${safeUrl(url)}">${name}</a>`
 * @throws TypeError when a slot stands where no value is safe
 */
export function html(template: TemplateStringsArray, ...values: readonly Renderable[]): Html {
  let slots = slotsByTemplate.get(template)
  if (slots === undefined) {
    slots = readSlots(template)
    slotsByTemplate.set(template, slots)
  }
  let out = template[0] ?? ''
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index]
    if (typeof value === 'string') {
      if (slots[index] === 'tag') throw misplaced(value)
      out += escapeHtml(value)
    } else {
      out += render(value, slots[index] ?? 'text')
    }
    out += template[index + 1] ?? ''
  }
  return new Html(out)
}

/** Marks a constant of our own as markup. Never pass it anything that a person or a database said. */
export function trusted(constant: string): Html {
  return new Html(constant)
}

/** Names that an attribute list may hold; event handlers and `style` would need a weaker content security policy. */
const attributeName = /^(?!on|style$)[a-z][a-z0-9-]*$/
const urlAttributes = new Set(['href', 'src', 'action', 'formaction'])

/**
 * Attributes from a record: `true` prints the bare name, `false`, `null` and `undefined` print nothing, URLs go through {@link safeUrl}.
 *
 * @throws TypeError for a name that is no plain attribute (an event handler, `style`)
 */
export function attributes(record: Readonly<Record<string, string | number | boolean | null | undefined>>): HtmlAttributes {
  let out = ''
  for (const [name, value] of Object.entries(record)) {
    if (!attributeName.test(name)) throw new TypeError(`"${name}" is not an attribute that a template may set`)
    if (value === false || value === null || value === undefined) continue
    if (out !== '') out += ' '
    if (value === true) out += name
    else out += `${name}="${escapeHtml(urlAttributes.has(name) ? safeUrl(String(value)) : String(value))}"`
  }
  return new HtmlAttributes(out)
}

/**
 * The URL itself when it is relative to this site or of a harmless scheme (`http`, `https`, `mailto`), else `#`. Browsers skip control characters and
 * leading blanks when they look for the scheme, so such URLs are refused as a whole.
 */
export function safeUrl(url: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what a browser would drop
  if (/[\u0000-\u001F\u007F]|^\s/.test(url)) return '#'
  const scheme = /^([^/?#]*?):/.exec(url)?.[1]?.toLowerCase()
  if (scheme === undefined || scheme === 'http' || scheme === 'https' || scheme === 'mailto') return url
  return '#'
}

const special = /["&'<>]/

/** Escapes a text for element content and for quoted attribute values. */
export function escapeHtml(text: string): string {
  const first = text.search(special)
  if (first === -1) return text
  let out = ''
  let from = 0
  for (let index = first; index < text.length; index += 1) {
    const entity = entityOf(text.charCodeAt(index))
    if (entity === undefined) continue
    out += text.slice(from, index) + entity
    from = index + 1
  }
  return out + text.slice(from)
}

function entityOf(code: number): string | undefined {
  switch (code) {
    case 0x22:
      return '&quot;'
    case 0x26:
      return '&amp;'
    case 0x27:
      return '&#39;'
    case 0x3c:
      return '&lt;'
    case 0x3e:
      return '&gt;'
    default:
      return undefined
  }
}

function render(value: Renderable, slot: Slot): string {
  if (value === null || value === undefined || typeof value === 'boolean') return ''
  if (slot === 'tag') {
    if (value instanceof HtmlAttributes) return value.value
    throw misplaced(value)
  }
  if (value instanceof Html) {
    if (slot === 'text') return value.value
    throw new TypeError('markup cannot stand in an attribute value')
  }
  if (typeof value === 'string') return escapeHtml(value)
  if (typeof value === 'object') {
    let out = ''
    for (const part of value) out += render(part, slot)
    return out
  }
  return String(value)
}

function misplaced(value: unknown): TypeError {
  return new TypeError(`a slot inside a tag takes attributes() or a quoted value, not ${typeof value}`)
}

/** Walks the constant parts of a template once and says where each slot stands. */
function readSlots(template: TemplateStringsArray): readonly Slot[] {
  const slots: Slot[] = []
  let state: 'text' | 'tag' | 'double' | 'single' = 'text'
  for (let part = 0; part < template.length - 1; part += 1) {
    const constant = template[part] ?? ''
    for (let index = 0; index < constant.length; index += 1) {
      const char = constant[index]
      if (state === 'text') {
        if (/^<(?:!--|script|style)/i.test(constant.slice(index, index + 7)))
          throw new TypeError('no slot may follow a comment, script or style in a template')
        if (char === '<') state = 'tag'
      } else if (state === 'tag') {
        if (char === '>') state = 'text'
        else if (char === '"') state = 'double'
        else if (char === "'") state = 'single'
      } else if (char === (state === 'double' ? '"' : "'")) {
        state = 'tag'
      }
    }
    if (state === 'tag' && !/\s$/.test(constant)) throw new TypeError('a slot inside a tag must follow a blank; quote attribute values')
    if (state === 'text') slots.push('text')
    else slots.push(state === 'tag' ? 'tag' : 'quoted')
  }
  return slots
}

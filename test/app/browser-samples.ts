/** A note of the samples. */
export interface SampleNote {
  readonly name: string
  readonly text: string
  readonly minutesAgo: number
}

/** A pad of the samples; without a name, the notes have no pad. */
export interface SamplePad {
  readonly name?: string
  readonly notes: readonly SampleNote[]
}

const hour = 60
const day = 24 * hour

/** Shows every element that Markdown has. */
export const recipe = `# Sourdough, the slow way

Adapted from the notes of **Marie**, with less *salt*. Feed the starter the evening before; it is ready when a spoonful ~~sinks~~ floats.

| Step | When | How long |
|---|---|---:|
| Autolyse | 08:00 | 40 min |
| Fold, four times | 09:00 | 2 h |
| Bake at 250 °C | 14:00 | 45 min |

1. Mix flour and water only.
2. Add the starter, then the salt:
   - 500 g flour
   - 375 g water
   - 10 g salt

> The dough tells you when it is ready. The clock does not.

\`\`\`sh
oven --preheat 250 --for 45m --notify "the kitchen display and whoever is nearest to it"
\`\`\`

Set \`humidity\` to 80 %. More at https://example.org/bread

---

Next time: try rye.`

/** What people keep: enough for two pages of the list. */
export const adasPads: readonly SamplePad[] = [
  {
    name: 'Kitchen',
    notes: [
      { name: 'Sourdough', text: recipe, minutesAgo: 26 },
      {
        name: 'What to cook on Sunday',
        text: 'Leek and potato soup\nBread, see the other note\n\nApples from the garden',
        minutesAgo: 3 * hour,
      },
      { name: 'Shopping', text: 'Flour\nSalt\nLeeks', minutesAgo: 1 * day },
    ],
  },
  {
    name: 'Work',
    notes: [
      { name: 'Agenda for Thursday', text: 'Release, then lunch.\nhttps://example.org/agenda', minutesAgo: 2 * day },
      { name: 'Questions for the interview', text: 'What did you change your mind about?', minutesAgo: 3 * day },
      { name: 'Ideas for the talk: why small tools last, and what we can learn from them', text: 'One idea a slide.', minutesAgo: 5 * day },
      { name: 'Printer on the third floor', text: 'Queue: f3-left', minutesAgo: 20 * day },
    ],
  },
  {
    name: 'Reading list',
    notes: [
      'Invisible Cities',
      'The Dispossessed',
      'A Pattern Language',
      'The Mezzanine',
      'Austerlitz',
      'Middlemarch',
      'The Summer Book',
      'Gödel, Escher, Bach',
      'The Periodic Table',
      'Pnin',
      'The Rings of Saturn',
      'Labyrinths',
      'To the Lighthouse',
      'The Leopard',
      'Roadside Picnic',
    ].map((name, index) => ({ name, text: `Somebody recommended ${name}.`, minutesAgo: (9 + index) * day })),
  },
  { name: 'Garden', notes: [] },
  {
    notes: [
      { name: 'Wi-Fi of the holiday flat', text: 'On the back of the router.', minutesAgo: 6 * day },
      { name: 'Presents', text: 'Paul: the blue one\nInes: a book', minutesAgo: 7 * day },
    ],
  },
]

const longWord = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'
const wide = `| ${Array.from({ length: 9 }, (_, column) => `Column ${column}`).join(' | ')} |
|${'---|'.repeat(9)}
| ${Array.from({ length: 9 }, (_, column) => `content-of-${column}`).join(' | ')} |`

/** The names by which tests find what is extreme. */
export const extremes = {
  word: longWord.slice(0, 80),
  rightToLeft: 'قائمة التسوق لعطلة نهاية الأسبوع',
  hebrew: 'פתקים מהמטבח של סבתא',
} as const

/** What breaks layouts. */
export const extremePads: readonly SamplePad[] = [
  {
    name: extremes.word,
    notes: [
      { name: 'W'.repeat(100), text: 'x'.repeat(3000), minutesAgo: 1 },
      {
        name: extremes.word,
        text: `${longWord}\n\nhttps://example.org/${'path/'.repeat(60)}\n\n\`\`\`\n${'code '.repeat(80)}\n\`\`\`\n\n${wide}`,
        minutesAgo: 2,
      },
      { name: 'word '.repeat(19).trim(), text: `# ${longWord}\n\n> ${longWord}\n\n- ${longWord}\n\n\`${longWord}\``, minutesAgo: 3 },
      { name: '👩‍👩‍👧‍👦'.repeat(12), text: '🧑🏽‍🚒 '.repeat(50), minutesAgo: 4 },
    ],
  },
  {
    name: extremes.hebrew,
    notes: [
      { name: extremes.rightToLeft, text: 'خبز\nحليب (2%)\nتفاح\n\nhttps://example.org/متجر\n\n- زيتون\n- خبز', minutesAgo: 5 },
      { name: '漢字とかなの長い題名は改行できる場所がどこにでもあるので幅を越えないはずです', text: '本文', minutesAgo: 6 },
    ],
  },
  ...Array.from({ length: 60 }, (_, index) => ({ name: `Pad number ${index + 1}`, notes: [] })),
  {
    notes: Array.from({ length: 300 }, (_, index) => ({ name: `Note ${index + 1}`, text: `Text ${index + 1}`, minutesAgo: 10 + index })),
  },
]

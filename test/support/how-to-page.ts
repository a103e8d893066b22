import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'

interface Block {
  readonly language: string
  readonly text: string
}

/** A page of `docs/how-to` whose blocks a test does one by one, as a person would: the commands stand on the page and nowhere else. */
export class HowToPage {
  readonly #path: string
  readonly #blocks: readonly Block[]
  readonly #done = new Set<Block>()

  private constructor(path: string, blocks: readonly Block[]) {
    this.#path = path
    this.#blocks = blocks
  }

  static async open(path: string): Promise<HowToPage> {
    const text = await readFile(path, 'utf8')
    const blocks = [...text.matchAll(/^( *)```(\w+)\n(.*?)^ *```$/gms)].map(([, indent = '', language = '', block = '']) => ({
      language,
      text: block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }))
    return new HowToPage(path, blocks)
  }

  /**
   * The one block that has some words.
   *
   * @param replaced - what the page names, and what it is called in the test
   * @throws {Error} when there is no such block, or more than one, or a word to replace is not in it
   */
  block(words: string, replaced: Readonly<Record<string, string>> = {}): string {
    const [found, ...others] = this.#blocks.filter(({ text }) => text.includes(words))
    if (found === undefined || others.length > 0)
      throw new Error(`${this.#path} has ${others.length === 0 ? 'no' : 'more than one'} block with "${words}"`)
    this.#done.add(found)
    return Object.entries(replaced).reduce((text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`the block with "${words}" of ${basename(this.#path)} does not name ${from}`)
      return text.replaceAll(from, to)
    }, found.text)
  }

  /** Blocks that nobody did; of pages of which every step is to be done. */
  get left(): readonly string[] {
    return this.#blocks.filter((block) => !this.#done.has(block)).map(({ text }) => text)
  }
}

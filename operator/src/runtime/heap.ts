/** What a heap needs to know of its members: where they are, so that any of them can be taken out or moved in logarithmic time. */
export interface HeapNode {
  /** Position in the heap that holds it; written by the heap alone. */
  position: number
}

/**
 * A binary heap whose members can be removed and re-ordered in place.
 *
 * Invariant: `nodes[i].position === i`, and no node comes before its parent.
 */
export class Heap<T extends HeapNode> {
  readonly #nodes: T[] = []
  readonly #before: (a: T, b: T) => boolean

  /** @param before - whether `a` has to leave before `b`; a strict order */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#nodes.length
  }

  /** The first node, left where it is. */
  peek(): T | undefined {
    return this.#nodes[0]
  }

  push(node: T): void {
    node.position = this.#nodes.length
    this.#nodes.push(node)
    this.#up(node)
  }

  pop(): T | undefined {
    const first = this.#nodes[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Takes out a node that is in this heap. */
  remove(node: T): void {
    const last = this.#nodes.pop()
    if (last === undefined || last === node) return
    last.position = node.position
    this.#nodes[node.position] = last
    this.update(last)
  }

  /** Restores the order after `node` changed. */
  update(node: T): void {
    this.#up(node)
    this.#down(node)
  }

  clear(): void {
    this.#nodes.length = 0
  }

  #up(node: T): void {
    while (node.position > 0) {
      const parent = this.#nodes[(node.position - 1) >> 1]
      if (parent === undefined || !this.#before(node, parent)) return
      this.#swap(node, parent)
    }
  }

  #down(node: T): void {
    for (;;) {
      const left = this.#nodes[2 * node.position + 1]
      const right = this.#nodes[2 * node.position + 2]
      const child = left !== undefined && right !== undefined && this.#before(right, left) ? right : left
      if (child === undefined || !this.#before(child, node)) return
      this.#swap(node, child)
    }
  }

  #swap(a: T, b: T): void {
    const position = a.position
    a.position = b.position
    b.position = position
    this.#nodes[a.position] = a
    this.#nodes[b.position] = b
  }
}

/** Lets everybody pass, or nobody until it is opened again. */
export class Gate {
  #closed: PromiseWithResolvers<void> | undefined

  close(): void {
    this.#closed ??= Promise.withResolvers()
  }

  open(): void {
    this.#closed?.resolve()
    this.#closed = undefined
  }

  async passed(): Promise<void> {
    while (this.#closed !== undefined) await this.#closed.promise
  }
}

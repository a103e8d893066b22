/** Cuts a stream of chunks of any size into parts, in buffers that are used again. */
export class PartBuffer {
  readonly #sizeOf: (partNumber: number) => number
  readonly #send: (part: Uint8Array, partNumber: number) => Promise<void>
  readonly #maxInFlight: number
  readonly #free: Buffer[] = []
  readonly #inFlight = new Set<Promise<void>>()
  #filling: Buffer | undefined
  #filled = 0
  #partNumber = 1
  #failure: { readonly error: unknown } | undefined

  /** `sizeOf` says how many bytes part 1, 2, … has; `send` is called with a part that is stable until its promise is settled. */
  constructor(options: {
    readonly sizeOf: (partNumber: number) => number
    readonly send: (part: Uint8Array, partNumber: number) => Promise<void>
    readonly maxInFlight: number
  }) {
    this.#sizeOf = options.sizeOf
    this.#send = options.send
    this.#maxInFlight = options.maxInFlight
  }

  /** How many parts were given to `send`. */
  get sent(): number {
    return this.#partNumber - 1
  }

  /** Takes bytes; a full part is sent when more follow it, so that what is left at the end is never empty unless all is. */
  async add(chunk: Uint8Array): Promise<void> {
    for (let offset = 0; offset < chunk.byteLength;) {
      if (this.#filling !== undefined && this.#filled === this.#filling.byteLength) {
        await this.#dispatch()
      }
      this.#filling ??= this.#take(this.#sizeOf(this.#partNumber))
      const length = Math.min(chunk.byteLength - offset, this.#filling.byteLength - this.#filled)
      this.#filling.set(chunk.subarray(offset, offset + length), this.#filled)
      this.#filled += length
      offset += length
    }
  }

  /** What was not sent yet: everything, where it fits into one part. */
  rest(): Uint8Array {
    return (this.#filling ?? Buffer.alloc(0)).subarray(0, this.#filled)
  }

  /** Sends the rest and waits for all parts. @throws the first failure of `send` */
  async end(): Promise<void> {
    await this.#dispatch()
    await this.settle()
    if (this.#failure !== undefined) {
      throw this.#failure.error
    }
  }

  /** Waits until nothing is under way, however it ended. */
  async settle(): Promise<void> {
    await Promise.all(this.#inFlight)
  }

  #take(bytes: number): Buffer {
    const free = this.#free.pop()
    return free?.byteLength === bytes ? free : Buffer.allocUnsafeSlow(bytes)
  }

  async #dispatch(): Promise<void> {
    while (this.#inFlight.size >= this.#maxInFlight) {
      await Promise.race(this.#inFlight)
    }
    if (this.#failure !== undefined) {
      throw this.#failure.error
    }
    const sending = this.#sendOne(this.rest(), this.#filling, this.#partNumber)
    this.#inFlight.add(sending)
    void sending.finally(() => this.#inFlight.delete(sending))
    this.#filling = undefined
    this.#filled = 0
    this.#partNumber += 1
  }

  async #sendOne(part: Uint8Array, buffer: Buffer | undefined, partNumber: number): Promise<void> {
    try {
      await this.#send(part, partNumber)
    } catch (error) {
      this.#failure ??= { error }
    }
    if (buffer !== undefined) {
      this.#free.push(buffer)
    }
  }
}

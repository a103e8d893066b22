import { SystemClock } from '../../operator/src/runtime/clock.ts'

/** The system's clock, whose wall time a test can set; durations are not touched, as on a real machine. */
export class JumpingClock extends SystemClock {
  #jumpedMs = 0

  override now(): number {
    return super.now() + this.#jumpedMs
  }

  jump(milliseconds: number): void {
    this.#jumpedMs += Math.round(milliseconds)
  }
}

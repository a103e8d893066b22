/** A timer that was started; cancelling one that has fired does nothing. */
export interface Timer {
  cancel(): void
}

/** Time, passed in so that tests move it. */
export interface Clock {
  /** Wall clock in milliseconds since the epoch. */
  now(): number
  /** Milliseconds since some fixed moment; never jumps back. For every duration and deadline. */
  monotonic(): number
  /** Calls back once after `milliseconds`; keeps no process alive. */
  setTimeout(callback: () => void, milliseconds: number): Timer
}

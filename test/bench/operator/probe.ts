/**
 * Loaded into the operator's process before it (`--import`), where its heap is measured: answers each message with what is left after forced
 * collections. Needs `--expose-gc`.
 */
process.on('message', () => {
  const collect = (globalThis as { gc?: () => void }).gc
  collect?.()
  // What finalizers and weak references let go is gone after the next turn only.
  setTimeout(() => {
    collect?.()
    collect?.()
    process.send?.(process.memoryUsage())
  }, 50)
})
// The operator ends by itself, not when the measurement does.
process.channel?.unref()

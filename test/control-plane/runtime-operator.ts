import { createLogger } from '../../operator/src/telemetry/logger.ts'
import type { ElectionTimes } from '../../operator/src/runtime/election.ts'
import { createManager } from '../../operator/src/runtime/manager.ts'
import { connect, widgetController, widgetManagerOptions } from './runtime-fixture.ts'

/** What a test tells the operator process that it starts. */
export interface OperatorProcessOptions {
  readonly kubeconfig: string
  readonly namespace: string
  /** Also written into every object. */
  readonly identity: string
  readonly times: ElectionTimes
}

/**
 * An operator for widgets as a process of its own, to be stopped, frozen and killed. Its argument is {@link OperatorProcessOptions} as JSON; it logs to
 * standard output and ends with 0 after SIGTERM, with 1 and the error's code as last line otherwise.
 */
if (import.meta.main) {
  const options = JSON.parse(process.argv[2] ?? '') as OperatorProcessOptions
  const { client } = await connect(options.kubeconfig, `runtime-test/${options.identity}`)
  const stop = new AbortController()
  process.once('SIGTERM', () => stop.abort(new Error('SIGTERM')))
  const manager = createManager({
    ...widgetManagerOptions(client, options.namespace, {}, createLogger()),
    controllers: [widgetController({ writer: options.identity })],
    election: { lease: { namespace: options.namespace, name: 'widgets' }, identity: options.identity, times: options.times },
  })
  try {
    await manager.run(stop.signal)
    process.exit(0)
  } catch (error) {
    console.log(JSON.stringify({ msg: 'Ended', code: (error as { code?: string }).code ?? String(error) }))
    process.exit(1)
  }
}

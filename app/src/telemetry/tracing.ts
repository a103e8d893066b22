import type { Logger } from 'pino'
import { messageOf } from '../errors.ts'

/** A package that is not part of the image, named so that no bundler looks for it. */
const sdk = '@opentelemetry/sdk-node'

/** The part of the SDK that is used. */
interface Sdk {
  readonly NodeSDK: new () => { start(): void; shutdown(): Promise<void> }
}

/**
 * Starts OpenTelemetry, which configures itself by the `OTEL_…` variables. Called only where an endpoint is set; nothing of it is loaded
 * otherwise. An image without the SDK serves without tracing and says so.
 *
 * @returns ends tracing and sends what waits
 */
export async function startTracing(log: Logger): Promise<() => Promise<void>> {
  try {
    const { NodeSDK } = (await import(sdk)) as Sdk
    const started = new NodeSDK()
    started.start()
    log.info('tracing with OpenTelemetry')
    return () => started.shutdown()
  } catch (error) {
    log.warn(
      { reason: messageOf(error) },
      'OTEL_EXPORTER_OTLP_ENDPOINT is set, but @opentelemetry/sdk-node is not installed in this image: serving without tracing',
    )
    return () => Promise.resolve()
  }
}

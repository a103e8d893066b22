import { randomBytes } from 'node:crypto'
import { Registry } from 'prom-client'
import { definitions } from './api/definitions.gen.ts'
import { annotationPrefix, annotations, fieldManager } from './api/labels.ts'
import { backupController } from './backup/controller.ts'
import { createBackupMetrics } from './backup/metrics.ts'
import { ownerAnnotation } from './backup/resources/last-backup.ts'
import { restoreController } from './backup/restore-controller.ts'
import { storeController } from './backup/store-controller.ts'
import { cacheTransforms } from './cache-transform.ts'
import { collectGarbage } from './collect-garbage.ts'
import { instanceController } from './instance/controller.ts'
import { CollectionReflector } from './kube/collection-reflector.ts'
import { createClient } from './kube/create-client.ts'
import { createPrometheusMetrics } from './kube/prometheus-metrics.ts'
import { SystemClock } from './runtime/clock.ts'
import { createManager } from './runtime/manager.ts'
import { createLogger } from './telemetry/logger.ts'
import { collectProcessMetrics, createRuntimeMetrics } from './telemetry/metrics.ts'
import type { Settings } from './settings.ts'
import { version } from './version.ts'

/**
 * Puts the operator together and runs it until the signal is aborted.
 *
 * @throws ConfigError when no cluster is configured
 * @throws what the manager's `run` throws
 */
export async function runOperator(settings: Settings, signal: AbortSignal): Promise<void> {
  const clock = new SystemClock()
  const log = createLogger({ level: settings.logLevel })
  const registry = new Registry()
  const kubeMetrics = createPrometheusMetrics(registry)
  const backupMetrics = createBackupMetrics(registry)
  collectProcessMetrics(registry)
  await using connected = await createClient({
    clock,
    random: Math.random,
    logger: log,
    metrics: kubeMetrics.transport,
    userAgent: `notejam-operator/${version}`,
    load: {
      ...(settings.kubeconfig === undefined ? {} : { kubeconfig: settings.kubeconfig }),
      ...(settings.context === undefined ? {} : { context: settings.context }),
    },
  })
  const { client, config } = connected
  log.info({ version, server: config.server, scope: settings.scope, definitions: definitions.length }, 'The operator starts')
  const transformFor = cacheTransforms(clock)
  const manager = createManager({
    client,
    clock,
    log,
    scope: settings.scope,
    reflect: (request) =>
      new CollectionReflector({
        ...request,
        transform: transformFor(request.resource),
        client,
        clock,
        random: Math.random,
        logger: log,
        metrics: kubeMetrics.reflector(`${request.resource.plural}${request.namespace === '' ? '' : `/${request.namespace}`}`),
      }),
    controllers: [
      {
        ...instanceController({ randomKey: (bytes) => randomBytes(bytes).toString('base64'), random: Math.random, backupMetrics }),
        maxConcurrent: settings.maxConcurrent,
      },
      backupController(),
      storeController(),
      restoreController(),
    ],
    reportingController: 'notejam.io/operator',
    fieldManager,
    annotations: { hash: `${annotationPrefix}applied`, owner: ownerAnnotation, adopt: annotations.adopt },
    election:
      settings.election === false
        ? false
        : {
            lease: { name: settings.election.name, namespace: settings.election.namespace ?? config.namespace },
            identity: settings.election.identity,
          },
    health: {
      ...(settings.listen.host === undefined ? {} : { host: settings.listen.host }),
      port: settings.listen.port,
      metrics: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    },
    definitions,
    metrics: createRuntimeMetrics(registry),
    collect: collectGarbage,
  })
  await manager.run(signal)
  log.info({}, 'The operator has stopped')
}

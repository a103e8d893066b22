import * as fc from 'fast-check'
import { digestOf } from './instance-kubelet.ts'
import type { Knowledge } from './fleet-schema.ts'

/** Stands for the namespace of the instance in values that must differ between instances; {@link placed} puts the name in. */
export const namespacePlaceholder = 'NAMESPACE'

/** Objects that specs name and that are there, in every namespace. */
export const present = {
  database: 'notes-db',
  otherUser: 'notes-db-copy',
  authority: 'db-ca',
  mail: 'mail',
  key: 'app-key',
  runner: 'notes-runner',
  store: 'offsite',
  secondStore: 'other-region',
  copies: 'for-test',
  priority: 'important',
} as const

/** Objects that specs name and that nobody made yet: the storm's end brings them. */
export const absent = {
  database: 'missing-db',
  authority: 'missing-ca',
  mail: 'missing-mail',
  key: 'missing-key',
  runner: 'missing-runner',
  store: 'missing-store',
  priority: 'missing-class',
} as const

/** Names of images by what they do (`instance-kubelet.ts`): most are good. */
export const imageTags: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(
      { weight: 14, arbitrary: fc.constant('good') },
      { weight: 3, arbitrary: fc.constantFrom('expand', 'contract') },
      {
        weight: 6,
        arbitrary: fc.constantFrom('badmigration', 'crash', 'unready', 'unpullable', 'badpages', 'drifted', 'toonew', 'leap', 'locked'),
      },
      { weight: 1, arbitrary: fc.constant('slowmigration') },
    ),
    fc.nat({ max: 4 }),
  )
  .map(([behaviour, number]) => `${behaviour}-${number}`)

/** All names that {@link imageTags} gives. */
export const allTags: readonly string[] = [
  ...['good', 'expand', 'contract', 'badmigration', 'crash', 'unready', 'unpullable', 'badpages', 'drifted', 'toonew', 'leap', 'locked'],
  'slowmigration',
].flatMap((behaviour) => Array.from({ length: 5 }, (_, number) => `${behaviour}-${number}`))

const words = fc.constantFrom('a', 'blue', 'team-1', 'x.y_z', '0')
const keys = fc.constantFrom('team', 'tier', 'example.org/owner', 'example.org/tier')
const ranges = fc.constantFrom('10.0.0.0/8', '192.0.2.0/24', '203.0.113.7', '2001:db8::/32', '2001:db8::1')
const schedules = fc.constantFrom('0 0 * * *', '30 2 * * 1-5', '15 */6 * * *', '0 4 1 1 *')
const gibibytes = (min: number, max: number): fc.Arbitrary<string> => fc.integer({ min, max }).map((size) => `${size}Gi`)

const podsMetric = { type: 'Pods', pods: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '100' } } }
const memoryMetric = { type: 'Resource', resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 80 } } }
const inside = { ipBlock: { cidr: '10.0.0.0/8' } }

/**
 * What values mean, where the schema only says what they look like. `always` keeps numbers of pods and times within what one machine and one run can
 * show (a roll-out that may take a day is not given up within twenty minutes), hosts apart, and instances alive (`expiration.action: Delete`).
 */
export const knowledge: Knowledge = {
  always: {
    replicas: fc.nat({ max: 3 }),
    'autoscaling.minReplicas': fc.integer({ min: 1, max: 3 }),
    'autoscaling.maxReplicas': fc.integer({ min: 1, max: 12 }),
    'release.rollout.minReadySeconds': fc.nat({ max: 1 }),
    'release.rollout.progressDeadlineSeconds': fc.integer({ min: 10, max: 12 }),
    'release.migration.deadlineSeconds': fc.integer({ min: 30, max: 32 }),
    'expiration.action': fc.constant('Hibernate'),
    'http.hosts[]': fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...['', 'www.', 'a.'].map((prefix) => `${prefix}${namespacePlaceholder}.example.org`)) },
      { weight: 1, arbitrary: fc.constant('shared.example.org') },
    ),
    'autoscaling.metrics[]': fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(podsMetric, memoryMetric) },
      { weight: 1, arbitrary: fc.constant({ type: 'External' }) },
    ),
    'autoscaling.behavior': fc.constantFrom(
      {},
      { scaleDown: { stabilizationWindowSeconds: 60 } },
      { scaleUp: { selectPolicy: 'Max', policies: [{ type: 'Pods', value: 2, periodSeconds: 30 }] } },
    ),
    'networkPolicy.ingress[]': fc.constantFrom({ namespaceSelector: {} }, { podSelector: { matchLabels: { a: 'b' } } }, inside),
    'networkPolicy.egress[]': fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom({ to: [inside] }, { to: [inside], ports: [{ protocol: 'TCP', port: 443 }] }) },
      { weight: 1, arbitrary: fc.constant({ nobody: 'knows this' }) },
    ),
    // Runs that become due within a minute would say of the storm's end what they came to meanwhile.
    'backup.schedule': schedules,
    'backup.verification.schedule': schedules,
    'backup.maskedCopies[].schedule': schedules,
  },
  mostly: {
    cpu: fc.constantFrom('50m', '100m', '250m', '0.5', '1', 2),
    memory: fc.constantFrom('64Mi', '128Mi', '256Mi', '1Gi', '0.5Gi'),
    schedule: schedules,
    'hibernation.start': schedules,
    'hibernation.end': schedules,
    timeZone: fc.constantFrom('UTC', 'Europe/Kyiv', 'America/New_York'),
    daily: fc.constantFrom('P30D', 'P3Y'),
    weekly: fc.constantFrom('P1Y', 'P12W'),
    monthly: fc.constantFrom('P3Y', 'P36M'),
    beforeMigration: fc.constantFrom('P30D', 'P1M'),
    'database.external.secretRef.name': fc.constantFrom(present.database, present.otherUser, absent.database),
    'database.external.tls.caSecretRef.name': fc.constantFrom(present.authority, absent.authority),
    'database.external.maxConnections': fc.integer({ min: 40, max: 1000 }),
    'database.poolSizePerReplica': fc.integer({ min: 1, max: 12 }),
    'database.builtIn.image': fc.constantFrom(
      ...['postgres:17.5', 'postgres:17.6', 'postgres:18.1', 'mariadb:11.8.2', 'mariadb:11.8.3', 'mariadb:12.0.1'].map(
        (image) => `registry.example/${image}`,
      ),
    ),
    'database.builtIn.storage.size': gibibytes(5, 9),
    'database.sqlite.storage.size': gibibytes(1, 9),
    'app.smtpSecretRef.name': fc.constantFrom(present.mail, absent.mail),
    'app.secretRef.name': fc.constantFrom(present.key, absent.key),
    'app.publicURL': fc.constantFrom(`https://${namespacePlaceholder}.example.org`, 'http://notes.example.org:8080/'),
    'backup.storeRef.name': fc.constantFrom(present.store, present.store, absent.store),
    'backup.secondStoreRef.name': fc.constantFrom(present.secondStore, absent.store),
    'backup.verification.serverImage': fc.constantFrom('registry.example/postgres:17.5', 'registry.example/mariadb:11.8.2'),
    'backup.maskedCopies[].storeRef.name': fc.constantFrom(present.copies, absent.store),
    'seed.from.storeRef.name': fc.constantFrom(present.copies, absent.store),
    'seed.from.instance': fc.constant('elsewhere/notes'),
    scratchSize: gibibytes(1, 9),
    'http.ingress.className': fc.constantFrom('nginx', 'traefik'),
    'http.ingress.tls.secretRef.name': fc.constantFrom('notes-tls', 'other-tls'),
    'http.trustedProxies[]': ranges,
    'http.allowFrom[]': ranges,
    'pod.serviceAccountName': fc.constantFrom(present.runner, absent.runner),
    'availability.priorityClassName': fc.constantFrom(present.priority, absent.priority),
    'release.gate.requireVerifiedBy.name': fc.constant('notes'),
    'release.gate.verifiedImages[]': imageTags.map((tag) => digestOf(tag)),
    'pod.labels{}': keys,
    'pod.labels{}value': words,
    'pod.annotations{}': keys,
    'pod.nodeSelector{}': keys,
    'pod.nodeSelector{}value': words,
    'pod.tolerations[]': fc.constantFrom(
      { key: 'dedicated', operator: 'Exists' },
      { key: 'team', operator: 'Equal', value: 'notes', effect: 'NoSchedule' },
    ),
    'http.service.annotations{}': keys,
    'http.ingress.annotations{}': keys,
    'inheritedMetadata.labels[]': keys,
    'inheritedMetadata.annotations[]': keys,
    'app.extraEnv[].name': fc.constantFrom('FEATURE_X', 'LOG_LEVEL', 'TZ'),
  },
}

/** Puts the name of a namespace in the place of its placeholder, anywhere in a value. */
export function placed<T>(value: T, namespace: string): T {
  return JSON.parse(JSON.stringify(value).replaceAll(namespacePlaceholder, namespace)) as T
}

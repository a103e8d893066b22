import type { InstanceSpec, NotejamInstance } from '../../api/notejam.ts'
import { effectivePolicy } from '../../api/policy.ts'
import type { InstanceStores } from '../../backup/resources/data-pod.ts'
import type { NamedStore } from '../../backup/resources/store-pod.ts'
import type { KubeObject } from '../../kube/object.ts'
import { describeConnection } from '../connection.ts'
import type { Scaling } from '../scaling.ts'
import { builtInConnection, builtInEngine } from '../database-connection.ts'
import { endpointOfURL } from '../endpoint.ts'
import { renderChildren } from './children.ts'
import { buildDatabaseSecret } from './database-secret.ts'
import type { DatabaseInput } from './database-set.ts'
import { buildReleaseJob } from './release-job.ts'
import { buildSessionSecret } from './secret.ts'

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

/** An instance for tests, with what its database Secret holds. */
export interface Sample {
  readonly instance: NotejamInstance
  /** Entries of the database Secret. */
  readonly database: Readonly<Record<string, string>>
  /** Where archives go. */
  readonly stores?: InstanceStores
  /** Where masked copies go. */
  readonly copyStores?: readonly NamedStore[]
}

/** Makes an instance of a spec, with the identity that all of them have in tests. */
export function sampleInstance(spec: InstanceSpec, more: Partial<Pick<NotejamInstance, 'status'>> = {}): NotejamInstance {
  return {
    apiVersion: 'notejam.io/v1',
    kind: 'NotejamInstance',
    metadata: {
      name: 'notes',
      namespace: 'team',
      uid: '11111111-2222-4333-8444-555555555555',
      generation: 1,
      labels: { 'cost-center': '42', tier: 'gold' },
      annotations: { 'example.org/owner': 'ada', 'example.org/other': 'x' },
    },
    spec,
    ...more,
  }
}

/** Instances whose objects are kept in golden/: one for each environment and each way to a database, with every field of the spec in one of them. */
export const samples = {
  quickstart: {
    instance: sampleInstance({
      environment: 'Test',
      image: 'registry.example/notejam:1.0.0',
      database: { type: 'SQLite', sqlite: { storage: { size: '1Gi', storageClassName: 'fast' } } },
      http: { hosts: ['localhost'], ingress: {} },
      app: { publicURL: 'http://localhost:8080' },
    }),
    database: {},
  },
  development: {
    instance: sampleInstance({
      environment: 'Development',
      image: 'registry.example/notejam:main',
      database: { type: 'SQLite', sqlite: { storage: { existingClaim: 'mine' } } },
      resources: { limits: { memory: '128Mi' } },
      http: {
        hosts: ['dev.example.org'],
        gateway: { parentRefs: [{ name: 'main', namespace: 'infra' }] },
        service: { type: 'NodePort', annotations: { 'cloud.example/internal': 'true' } },
        trustedProxies: ['10.0.0.0/8', 'fd00::/8'],
        allowFrom: ['203.0.113.0/24', '198.51.100.7'],
      },
      pod: {
        labels: { team: 'notes' },
        annotations: { 'prometheus.io/scrape': 'true' },
        imagePullPolicy: 'IfNotPresent',
        serviceAccountName: 'notes',
        nodeSelector: { disk: 'ssd' },
        tolerations: [{ key: 'dedicated', operator: 'Exists' }],
      },
      inheritedMetadata: { labels: ['cost-center', 'missing'], annotations: ['example.org/owner'] },
      app: { secretRef: { name: 'my-key' }, extraEnv: [{ name: 'LOG_LEVEL', value: 'debug' }] },
    }),
    database: {},
  },
  test: {
    instance: sampleInstance({
      environment: 'Test',
      image: 'registry.example/notejam:1.0.0',
      replicas: 1,
      database: {
        type: 'MySQL',
        adopt: { instanceUID: 'the-owner-before' },
        external: { secretRef: { name: 'notes-db' }, tls: { mode: 'Disable' } },
      },
      imagePullSecrets: [{ name: 'registry' }],
    }),
    database: { url: 'mysql://notes:secret@db.example:3306/notes' },
  },
  production: {
    instance: sampleInstance({
      environment: 'Production',
      image: `registry.example/notejam@${digest}`,
      database: {
        type: 'PostgreSQL',
        poolSizePerReplica: 5,
        external: { secretRef: { name: 'notes-db' }, tls: { mode: 'VerifyFull', caSecretRef: { name: 'db-ca' } }, maxConnections: 100 },
      },
      http: {
        hosts: ['notes.example.org', 'www.notes.example.org'],
        ingress: {
          className: 'nginx',
          annotations: { 'cert-manager.io/cluster-issuer': 'main' },
          tls: { secretRef: { name: 'notes-tls' } },
        },
      },
      autoscaling: { minReplicas: 3, maxReplicas: 12 },
      availability: { zoneSpread: 'Required', nodeLossSeconds: 20, priorityClassName: 'important' },
      release: { migration: { deadlineSeconds: 600 }, rollout: { minReadySeconds: 10, progressDeadlineSeconds: 200 } },
      resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '512Mi' } },
      app: { smtpSecretRef: { name: 'smtp' } },
    }),
    database: { host: 'db.example', port: '5432', user: 'notes', password: 'secret', database: 'notes' },
  },
  'built-in-postgres': {
    instance: sampleInstance({
      environment: 'Development',
      image: 'registry.example/notejam:main',
      database: {
        type: 'PostgreSQL',
        poolSizePerReplica: 5,
        builtIn: {
          image: 'registry.example/postgres:17.6',
          storage: { size: '2Gi', storageClassName: 'fast' },
          resources: { limits: { memory: '1Gi' } },
        },
      },
      imagePullSecrets: [{ name: 'registry' }],
      availability: { priorityClassName: 'important' },
      pod: { tolerations: [{ key: 'dedicated', operator: 'Exists' }] },
    }),
    database: {},
  },
  'built-in-mariadb': {
    instance: sampleInstance({
      environment: 'Test',
      image: 'registry.example/notejam:1.0.0',
      database: { type: 'MySQL', builtIn: {} },
    }),
    database: {},
  },
  backups: {
    instance: sampleInstance({
      environment: 'Production',
      image: `registry.example/notejam@${digest}`,
      database: { type: 'MySQL', external: { secretRef: { name: 'notes-db' } } },
      backup: {
        storeRef: { name: 'offsite' },
        secondStoreRef: { name: 'shelf' },
        schedule: '30 1 * * *',
        timeZone: 'Europe/Kyiv',
        retention: { daily: 'P30D', weekly: 'P1Y', monthly: 'P3Y', beforeMigration: 'P2W' },
        verification: { schedule: '0 4 * * 0', serverImage: 'mariadb:11.8', scratchSize: '20Gi' },
        maskedCopies: [{ name: 'test', storeRef: { name: 'for-test' }, recipients: ['age1test'], schedule: '0 5 * * 0' }],
        deadlineSeconds: 7200,
        resources: { requests: { cpu: '200m', memory: '256Mi' } },
      },
    }),
    database: { url: 'mysql://notes:secret@db.example:3306/notes' },
    stores: {
      first: {
        name: 'offsite',
        spec: {
          s3: {
            endpoint: 'https://s3.example.org',
            bucket: 'notes',
            region: 'eu-central-1',
            prefix: 'team',
            credentialsSecretRef: { name: 'writer' },
            pruneCredentialsSecretRef: { name: 'pruner' },
            caSecretRef: { name: 's3-ca' },
          },
          encryption: { recipients: ['age1one', 'age1two'], identitySecretRef: { name: 'age' } },
        },
      },
      second: { name: 'shelf', spec: { volume: { claimName: 'archives' }, encryption: { mode: 'None' } } },
    },
    copyStores: [
      {
        name: 'for-test',
        spec: {
          s3: { endpoint: 'https://copies.example.org:9000', bucket: 'copies', credentialsSecretRef: { name: 'copy-writer' } },
          encryption: { recipients: ['age1other'], identitySecretRef: { name: 'never-here' } },
        },
      },
    ],
  },
} as const satisfies Readonly<Record<string, Sample>>

/** Everything that the operator would write for a sample, as it would write it. */
export function renderSample({ instance, stores, copyStores = [], database: held }: Sample): readonly KubeObject[] {
  const policy = effectivePolicy(instance.spec)
  const entries = new Map(Object.entries(held).map(([entry, value]) => [entry, Buffer.from(value)]))
  const engine = builtInEngine(instance)
  const described = engine === undefined ? describeConnection(instance.spec, entries) : { connection: builtInConnection(instance, engine) }
  if (!('connection' in described)) throw new TypeError('the sample lacks entries of its database Secret')
  const { connection } = described
  const scaling: Scaling = policy.autoscaling === undefined ? { by: 'operator', replicas: policy.replicas } : { by: 'autoscaler' }
  const mail = instance.spec.app?.smtpSecretRef === undefined ? undefined : endpointOfURL('smtps://mail.example')
  const server = policy.database
  const database: DatabaseInput | undefined =
    engine === undefined || server === undefined
      ? undefined
      : { instance, policy, engine, image: server.image, secretHash: 'cafe', replicas: 1 }
  const certificate = { authority: 'ca of tests', certificate: 'certificate of tests', key: 'a-key-of-tests' }
  const deployed = `registry.example/notejam@${digest}`
  const cronJobs = stores && {
    ...{ instance, policy, connection, stores },
    image: deployed,
    besideApp: false,
    suspended: false,
    holds: ['held'],
    released: [],
    copies: (instance.spec.backup?.maskedCopies ?? []).flatMap((copy) =>
      copyStores.filter(({ name }) => name === copy.storeRef.name).map((store) => ({ copy, store })),
    ),
  }
  const network = {
    connection,
    mail,
    ...(stores === undefined ? {} : { stores: [stores.first, ...(stores.second === undefined ? [] : [stores.second]), ...copyStores] }),
  }
  const input = { instance, policy, connection, scaling, network, database, cronJobs }
  const { image } = instance.spec
  return [
    buildSessionSecret(input, 'a-key-of-tests'),
    ...(engine === undefined ? [] : [buildDatabaseSecret({ ...input, engine, password: 'a-key-of-tests', certificate })]),
    ...renderChildren(input, {
      connection,
      image: deployed,
      release: { id: 'r1', image },
      secretHash: 'f00d',
    }).map(({ desired }) => desired),
    buildReleaseJob({ phase: 'expand', ...input, image, releaseID: 'r1', besideApp: connection.type === 'SQLite' }),
  ]
}

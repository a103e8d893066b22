import { builtInRules } from './crds-rules-builtin.ts'

/** A spec as somebody might write it. */
export type Spec = Readonly<Record<string, unknown>>

/** One rule of the schema: what it lets through, what it refuses, and what it says then. */
export interface RuleFixture {
  readonly rule: string
  /** Where the rule is about a change: the spec before it. */
  readonly before?: Spec
  readonly accepted: Spec
  readonly acceptedName?: string
  readonly refused: Spec
  readonly refusedName?: string
  /** Part of the message. */
  readonly message: string
}

/** The least that an instance needs. */
export const minimalSpec: Spec = {
  environment: 'Test',
  image: 'registry.example/notejam:1.0.0',
  database: { type: 'SQLite', sqlite: { storage: {} } },
}

const withStorage = (storage: Spec): Spec => ({ ...minimalSpec, database: { type: 'SQLite', sqlite: { storage } } })
const withHttp = (http: Spec): Spec => ({ ...minimalSpec, http })
const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

const external = (more: Spec = {}): Spec => ({
  ...minimalSpec,
  database: { type: 'PostgreSQL', external: { secretRef: { name: 'notes-db' }, ...more } },
})
const backup: Spec = { storeRef: { name: 'offsite' } }
const production: Spec = { ...external(), environment: 'Production', image: `registry.example/notejam@${digest}`, backup }
const withEnvironment = (name: string): Spec => ({ ...minimalSpec, app: { extraEnv: [{ name, value: 'x' }] } })

/** The rules of NotejamInstance. A rule without a fixture fails the test. */
export const instanceRules: readonly RuleFixture[] = [
  ...builtInRules,
  {
    rule: 'a name has at most 40 characters',
    accepted: minimalSpec,
    acceptedName: 'n'.repeat(40),
    refused: minimalSpec,
    refusedName: 'n'.repeat(41),
    message: 'the name can have at most 40 characters',
  },
  {
    rule: 'a name begins with a letter',
    accepted: minimalSpec,
    acceptedName: 'notes-2',
    refused: minimalSpec,
    refusedName: '2-notes',
    message: 'the name must begin with a letter',
  },
  {
    rule: 'SQLite has at most one replica',
    accepted: { ...minimalSpec, replicas: 1 },
    refused: { ...minimalSpec, replicas: 2 },
    message: 'SQLite is one file with one writer, so replicas can be at most 1',
  },
  {
    rule: 'Production needs a database server',
    accepted: production,
    refused: { ...minimalSpec, environment: 'Production' },
    message: "Production needs a database server outside the app's pod",
  },
  {
    rule: 'the environment stays',
    before: minimalSpec,
    accepted: { ...minimalSpec, image: 'registry.example/notejam:1.0.1' },
    refused: { ...minimalSpec, environment: 'Development' },
    message: 'environment cannot be changed',
  },
  {
    rule: 'an image is a reference',
    accepted: { ...minimalSpec, image: `localhost:5000/team/notejam-app:1.0@${digest}` },
    refused: { ...minimalSpec, image: 'Notejam App:1.0' },
    message: 'image must be a reference such as',
  },
  {
    rule: 'an engine has its block',
    accepted: withStorage({ size: '1Gi' }),
    refused: { ...minimalSpec, database: { type: 'SQLite' } },
    message: 'database.type SQLite needs the block database.sqlite',
  },
  {
    rule: 'an existing claim is used as it is',
    accepted: withStorage({ existingClaim: 'notes' }),
    refused: withStorage({ existingClaim: 'notes', size: '1Gi' }),
    message: 'existingClaim is used as it is',
  },
  {
    rule: 'the storage class stays',
    before: withStorage({ storageClassName: 'fast' }),
    accepted: withStorage({ storageClassName: 'fast', size: '2Gi' }),
    refused: withStorage({ storageClassName: 'slow' }),
    message: 'storageClassName cannot be changed',
  },
  {
    rule: 'no storage class is taken away',
    before: withStorage({ storageClassName: 'fast' }),
    accepted: withStorage({ storageClassName: 'fast' }),
    refused: withStorage({}),
    message: 'storageClassName cannot be changed',
  },
  {
    rule: 'the claim stays',
    before: withStorage({ existingClaim: 'notes' }),
    accepted: withStorage({ existingClaim: 'notes' }),
    refused: withStorage({ existingClaim: 'others' }),
    message: 'existingClaim cannot be changed',
  },
  {
    rule: 'a volume only grows',
    before: withStorage({ size: '2Gi' }),
    accepted: withStorage({ size: '2500Mi' }),
    refused: withStorage({ size: '1999Mi' }),
    message: 'size can only grow',
  },
  {
    rule: 'a volume only grows from the size that it has by default',
    before: withStorage({}),
    accepted: withStorage({ size: '1Gi' }),
    refused: withStorage({ size: '512Mi' }),
    message: 'size can only grow',
  },
  {
    rule: 'a size is a quantity',
    accepted: withStorage({ size: '16Mi' }),
    refused: withStorage({ size: '1 GB' }),
    message: 'size must be a quantity of at least 16Mi',
  },
  {
    rule: 'a roll-out can end before its deadline',
    accepted: { ...minimalSpec, release: { rollout: { minReadySeconds: 10, progressDeadlineSeconds: 11 } } },
    refused: { ...minimalSpec, release: { rollout: { minReadySeconds: 10, progressDeadlineSeconds: 10 } } },
    message: 'progressDeadlineSeconds must be greater than minReadySeconds',
  },
  {
    rule: 'an ingress has a host',
    accepted: withHttp({ hosts: ['notes.example.org'], ingress: {} }),
    refused: withHttp({ ingress: {} }),
    message: 'an ingress needs at least one name in http.hosts',
  },
  {
    rule: 'a host has one way in',
    accepted: withHttp({ hosts: ['a.example'], gateway: { parentRefs: [{ name: 'main', namespace: 'infra' }] } }),
    refused: withHttp({ hosts: ['a.example'], gateway: { parentRefs: [{ name: 'main' }] }, ingress: {} }),
    message: 'http.ingress and http.gateway exclude each other',
  },
  {
    rule: "the Service carries nobody's tracking annotations",
    accepted: withHttp({ service: { type: 'LoadBalancer', annotations: { 'cloud.example/internal': 'true' } } }),
    refused: withHttp({ service: { annotations: { 'meta.helm.sh/release-name': 'x' } } }),
    message: 'cannot be set on the Service',
  },
  {
    rule: 'who may ask is an address or a range',
    accepted: withHttp({ allowFrom: ['203.0.113.0/24', '2001:db8::1'] }),
    refused: withHttp({ allowFrom: ['the office'] }),
    message: 'a range of http.allowFrom is an address or a network',
  },
  {
    rule: 'a proxy is an address',
    accepted: withHttp({ trustedProxies: ['10.0.0.0/8', 'fd00::/8', '192.0.2.1'] }),
    refused: withHttp({ trustedProxies: ['proxy.example'] }),
    message: 'a trusted proxy is an address or a range',
  },
  {
    rule: 'labels of pods leave ours alone',
    accepted: { ...minimalSpec, pod: { labels: { team: 'notes' }, nodeSelector: { disk: 'ssd' }, tolerations: [{ operator: 'Exists' }] } },
    refused: { ...minimalSpec, pod: { labels: { 'app.kubernetes.io/name': 'other' } } },
    message: 'labels of pods cannot be ones by which the operator finds them',
  },
  {
    rule: 'annotations of pods leave ours alone',
    accepted: { ...minimalSpec, pod: { annotations: { 'prometheus.io/scrape': 'true' } } },
    refused: { ...minimalSpec, pod: { annotations: { 'notejam.io/template-hash': 'x' } } },
    message: "annotations of pods cannot be the operator's own",
  },
  {
    rule: 'what tools track by is not inherited',
    accepted: { ...minimalSpec, inheritedMetadata: { labels: ['cost-center'], annotations: ['example.org/owner'] } },
    refused: { ...minimalSpec, inheritedMetadata: { annotations: ['argocd.argoproj.io/tracking-id'] } },
    message: 'are not inherited, those tools would take the copies for theirs',
  },
  {
    rule: 'a host is a DNS name',
    accepted: withHttp({ hosts: ['localhost', 'a-1.example.org'] }),
    refused: withHttp({ hosts: ['https://notes.example.org'] }),
    message: 'a host is a DNS name in lower case',
  },
  {
    rule: "the Ingress carries nobody's tracking annotations",
    accepted: withHttp({ hosts: ['notes.example.org'], ingress: { annotations: { 'cert-manager.io/cluster-issuer': 'main' } } }),
    refused: withHttp({ hosts: ['notes.example.org'], ingress: { annotations: { 'argocd.argoproj.io/tracking-id': 'x' } } }),
    message: 'annotations by which Argo CD, Flux, Helm, kubectl or this operator track objects',
  },
  {
    rule: 'a request is within its limit',
    accepted: { ...minimalSpec, resources: { requests: { cpu: 1, memory: '1Gi' }, limits: { cpu: '1000m', memory: '1024Mi' } } },
    refused: { ...minimalSpec, resources: { requests: { memory: '1Gi' }, limits: { memory: '512Mi' } } },
    message: 'a request cannot be greater than the limit',
  },
  {
    rule: 'a public URL is an origin',
    accepted: { ...minimalSpec, app: { publicURL: 'http://localhost:8080' } },
    refused: { ...minimalSpec, app: { publicURL: 'https://example.org/notes' } },
    message: 'publicURL must be http://host or https://host',
  },
  {
    rule: 'Production names its image by digest',
    accepted: production,
    refused: { ...production, image: 'registry.example/notejam:1.0.0' },
    message: 'Production names its image by digest',
  },
  {
    rule: 'Production is served over TLS',
    accepted: { ...production, http: { hosts: ['notes.example.org'], ingress: { tls: { secretRef: { name: 'tls' } } } } },
    refused: { ...production, http: { hosts: ['notes.example.org'], ingress: {} } },
    message: 'Production serves people over TLS only',
  },
  {
    rule: 'the pods stay within the connections of the server',
    accepted: { ...external({ maxConnections: 50 }), replicas: 3 },
    refused: { ...external({ maxConnections: 49 }), replicas: 3 },
    message: '(replicas + 2) × database.poolSizePerReplica must stay within',
  },
  {
    rule: 'the most pods of an autoscaler count against the connections',
    accepted: { ...external({ maxConnections: 100 }), autoscaling: { maxReplicas: 8 } },
    refused: { ...external({ maxConnections: 99 }), autoscaling: { maxReplicas: 8 } },
    message: '(with autoscaling, maxReplicas counts)',
  },
  {
    rule: 'the number of pods has one owner',
    accepted: { ...external(), autoscaling: { maxReplicas: 8 } },
    refused: { ...external(), replicas: 2, autoscaling: { maxReplicas: 8 } },
    message: 'replicas and autoscaling exclude each other',
  },
  {
    rule: 'SQLite is not scaled out',
    accepted: { ...external(), autoscaling: { maxReplicas: 8 } },
    refused: { ...minimalSpec, autoscaling: { maxReplicas: 1 } },
    message: 'SQLite is one file with one writer, so it cannot be scaled out',
  },
  {
    rule: 'the bounds of an autoscaler are in order',
    accepted: { ...external(), autoscaling: { minReplicas: 3, maxReplicas: 3 } },
    refused: { ...external(), autoscaling: { minReplicas: 3, maxReplicas: 2 } },
    message: 'maxReplicas cannot be less than minReplicas',
  },
  {
    rule: 'Production carries a peak of four times its least',
    accepted: { ...production, autoscaling: { minReplicas: 3, maxReplicas: 12 } },
    refused: { ...production, autoscaling: { minReplicas: 3, maxReplicas: 11 } },
    message: 'Production must be able to carry a peak',
  },
  {
    rule: 'Production carries the peak that it states',
    accepted: { ...production, autoscaling: { minReplicas: 3, maxReplicas: 6, peakFactor: 2 } },
    refused: { ...production, autoscaling: { minReplicas: 3, maxReplicas: 12, peakFactor: 5 } },
    message: 'Production must be able to carry a peak',
  },
  {
    rule: 'a share of the CPU needs a request for CPU',
    accepted: {
      ...external(),
      autoscaling: { maxReplicas: 8, targetCPUUtilizationPercentage: 50 },
      resources: { requests: { cpu: '100m', memory: '160Mi' } },
    },
    refused: {
      ...external(),
      autoscaling: { maxReplicas: 8, targetCPUUtilizationPercentage: 50 },
      resources: { requests: { memory: '160Mi' } },
    },
    message: 'is a share of the CPU that a pod asks for',
  },
  {
    rule: 'the default of replicas counts against the connections too',
    accepted: external({ maxConnections: 40 }),
    refused: external({ maxConnections: 39 }),
    message: '(replicas + 2) × database.poolSizePerReplica must stay within',
  },
  {
    rule: 'the engine stays',
    before: external(),
    accepted: external({ tls: { mode: 'Require' } }),
    refused: { ...minimalSpec, database: { type: 'MySQL', external: { secretRef: { name: 'notes-db' } } } },
    message: 'database.type cannot be changed',
  },
  {
    rule: 'SQLite has no server',
    accepted: minimalSpec,
    refused: { ...minimalSpec, database: { type: 'SQLite', sqlite: { storage: {} }, external: { secretRef: { name: 'notes-db' } } } },
    message: 'database.external is for type PostgreSQL and MySQL',
  },
  {
    rule: 'a server has no file',
    accepted: external(),
    refused: { ...minimalSpec, database: { type: 'MySQL', external: { secretRef: { name: 'notes-db' } }, sqlite: { storage: {} } } },
    message: 'database.sqlite is for type SQLite',
  },
  {
    rule: 'Production does not sleep',
    accepted: { ...minimalSpec, hibernation: { start: '0 20 * * 1-5', end: '0 7 * * MON-FRI' } },
    refused: { ...production, hibernation: { start: '0 20 * * 1-5', end: '0 7 * * 1-5' } },
    message: 'Production does not sleep by a schedule',
  },
  {
    rule: 'a schedule has five fields',
    accepted: { ...minimalSpec, hibernation: { start: '*/5 20 1,15 * 1-5', end: '0 7 * * *' } },
    refused: { ...minimalSpec, hibernation: { start: '@daily', end: '0 7 * * *' } },
    message: 'a schedule of hibernation has five cron fields',
  },
  {
    rule: 'only Development expires',
    accepted: { ...minimalSpec, environment: 'Development', expiration: { time: '2030-01-01T00:00:00Z' } },
    refused: { ...minimalSpec, expiration: { time: '2030-01-01T00:00:00Z' } },
    message: 'expiration is for environment Development only',
  },
  {
    rule: 'Production keeps its data',
    accepted: { ...production, deletionPolicy: 'Retain' },
    refused: { ...production, deletionPolicy: 'Delete' },
    message: 'Production keeps its data when the instance is deleted',
  },
  {
    rule: 'ways through a policy need the policy',
    accepted: { ...minimalSpec, networkPolicy: { egress: [{ ports: [{ port: 443 }] }] } },
    refused: { ...minimalSpec, networkPolicy: { mode: 'Disabled', egress: [{ ports: [{ port: 443 }] }] } },
    message: 'networkPolicy.ingress and egress do nothing without a policy',
  },
  {
    rule: 'a variable has a name that a shell takes',
    accepted: withEnvironment('LOG_LEVEL'),
    refused: withEnvironment('LOG-LEVEL'),
    message: 'the name of a variable holds letters, digits and underscores',
  },
  {
    rule: "a variable is not the operator's",
    accepted: withEnvironment('THROTTLE_PER_ADDRESS'),
    refused: withEnvironment('DATABASE_URL'),
    message: "this variable is the operator's to set",
  },
  {
    rule: 'only Development wipes',
    accepted: { ...minimalSpec, environment: 'Development', release: { strategy: 'Wipe' } },
    refused: { ...minimalSpec, release: { strategy: 'Wipe' } },
    message: 'release.strategy Wipe empties the database at each release',
  },
  {
    rule: 'Production backs up before it migrates',
    accepted: { ...production, release: { strategy: 'BackupThenMigrate' } },
    refused: { ...production, release: { strategy: 'Upgrade' } },
    message: 'Production takes images in by release.strategy BackupThenMigrate only',
  },
  {
    rule: 'Production is not seeded',
    accepted: { ...minimalSpec, seed: { generate: { users: 1, notesPerUser: 2, seed: 3 } } },
    refused: { ...production, seed: { generate: {} } },
    message: 'generated or masked data is not for Production',
  },
  {
    rule: 'InWindow has a window',
    accepted: {
      ...minimalSpec,
      release: { updatePolicy: 'InWindow', windows: [{ schedule: '0 2 * * 2', durationSeconds: 7200, timeZone: 'Europe/Kyiv' }] },
    },
    refused: { ...minimalSpec, release: { updatePolicy: 'InWindow' } },
    message: 'updatePolicy InWindow needs at least one window',
  },
  {
    rule: 'a window has a schedule of five fields',
    accepted: { ...minimalSpec, release: { windows: [{ schedule: '*/15 2,3 1-7 JAN-MAR MON', durationSeconds: 900 }] } },
    refused: { ...minimalSpec, release: { windows: [{ schedule: '@midnight', durationSeconds: 900 }] } },
    message: 'schedule has five fields',
  },
  {
    rule: 'a gate asks for something',
    accepted: { ...production, release: { gate: { requireVerifiedBy: { namespace: 'test', name: 'notes' } } } },
    refused: { ...production, release: { gate: {} } },
    message: 'gate needs requireVerifiedBy',
  },
  {
    rule: 'a verified image is a digest',
    accepted: { ...production, release: { gate: { verifiedImages: [digest] } } },
    refused: { ...production, release: { gate: { verifiedImages: ['registry.example/notejam:1.0.0'] } } },
    message: 'a verified image is named by its digest',
  },
]

import { join } from 'node:path'
import type { ComponentSpec } from './component.ts'

/** Paths of the programs of a control plane. */
export interface ControlPlaneBinaries {
  readonly etcd: string
  readonly 'kube-apiserver': string
  readonly 'kube-controller-manager': string
  readonly 'kube-scheduler': string
}

/** Where one control plane lives; the files of its PKI are in `folder/pki`. */
export interface ControlPlaneLayout {
  readonly folder: string
  readonly binaries: ControlPlaneBinaries
  /** Address that the API server listens on, and that its own Service points at. */
  readonly address: string
  readonly apiPort: number
  readonly etcdPort: number
  readonly etcdPeerPort: number
  readonly serviceCidr: string
  /** Without nodes the API server's address may be loopback, which the `kubernetes` Service cannot point at. */
  readonly nodes: boolean
  readonly cgroupProcs?: string
}

/**
 * At the defaults of 20 calls a second, 1,500 changed Deployments take the controller manager minutes, and tests would measure that.
 */
const CALL_RATE = ['--kube-api-qps=500', '--kube-api-burst=1000']

/** Controllers that need a cloud, a bootstrapping kubelet or a feature nobody here uses; each costs memory and watches. */
const UNUSED_CONTROLLERS = [
  'bootstrap-signer-controller',
  'token-cleaner-controller',
  'node-ipam-controller',
  'node-route-controller',
  'service-lb-controller',
  'cloud-node-lifecycle-controller',
  'certificatesigningrequest-signing-controller',
  'certificatesigningrequest-approving-controller',
  'certificatesigningrequest-cleaner-controller',
  'legacy-serviceaccount-token-cleaner-controller',
]

/** A few megabytes more garbage cost less than the processor time of two busy cores. */
const GO_ENV = { GOGC: '150', GOMAXPROCS: '2' }

/** Command lines of the four programs, in the order in which they start. Pure: every path and port is given. */
export function controlPlaneComponents(layout: ControlPlaneLayout): readonly ComponentSpec[] {
  const { folder, binaries, address, apiPort, etcdPort, etcdPeerPort } = layout
  const pki = (file: string): string => join(folder, 'pki', file)
  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const peerUrl = `http://127.0.0.1:${etcdPeerPort}`
  const common = { env: GO_ENV, ...(layout.cgroupProcs === undefined ? {} : { cgroupProcs: layout.cgroupProcs }) }

  const etcd: ComponentSpec = {
    ...common,
    name: 'etcd',
    command: [
      binaries.etcd,
      '--name=default',
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      // A cluster for tests need not outlive a power cut, and fsync is what etcd waits for.
      '--unsafe-no-fsync',
      '--log-level=warn',
    ],
  }

  const apiServer: ComponentSpec = {
    ...common,
    name: 'kube-apiserver',
    command: [
      binaries['kube-apiserver'],
      `--etcd-servers=${etcdUrl}`,
      `--bind-address=${address}`,
      `--advertise-address=${address}`,
      `--secure-port=${apiPort}`,
      ...(layout.nodes ? [] : ['--endpoint-reconciler-type=none']),
      `--service-cluster-ip-range=${layout.serviceCidr}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      '--profiling=false',
      `--client-ca-file=${pki('ca.crt')}`,
      `--tls-cert-file=${pki('apiserver.crt')}`,
      `--tls-private-key-file=${pki('apiserver.key')}`,
      `--service-account-key-file=${pki('service-account.pub')}`,
      `--service-account-signing-key-file=${pki('service-account.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--kubelet-client-certificate=${pki('to-kubelet.crt')}`,
      `--kubelet-client-key=${pki('to-kubelet.key')}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--enable-aggregator-routing=true',
      `--requestheader-client-ca-file=${pki('ca.crt')}`,
      '--requestheader-allowed-names=front-proxy-client',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-username-headers=X-Remote-User',
      `--proxy-client-cert-file=${pki('front-proxy.crt')}`,
      `--proxy-client-key-file=${pki('front-proxy.key')}`,
    ],
  }

  const controllerManager: ComponentSpec = {
    ...common,
    name: 'kube-controller-manager',
    command: [
      binaries['kube-controller-manager'],
      `--kubeconfig=${pki('controller-manager.conf')}`,
      `--authentication-kubeconfig=${pki('controller-manager.conf')}`,
      `--authorization-kubeconfig=${pki('controller-manager.conf')}`,
      `--root-ca-file=${pki('ca.crt')}`,
      `--service-account-private-key-file=${pki('service-account.key')}`,
      `--requestheader-client-ca-file=${pki('ca.crt')}`,
      '--use-service-account-credentials=true',
      '--leader-elect=false',
      '--secure-port=0',
      `--controllers=*,${UNUSED_CONTROLLERS.map((name) => `-${name}`).join(',')}`,
      ...CALL_RATE,
    ],
  }

  const scheduler: ComponentSpec = {
    ...common,
    name: 'kube-scheduler',
    command: [
      binaries['kube-scheduler'],
      `--kubeconfig=${pki('scheduler.conf')}`,
      `--authentication-kubeconfig=${pki('scheduler.conf')}`,
      `--authorization-kubeconfig=${pki('scheduler.conf')}`,
      '--leader-elect=false',
      '--secure-port=0',
      ...CALL_RATE,
    ],
  }

  return [etcd, apiServer, controllerManager, scheduler]
}

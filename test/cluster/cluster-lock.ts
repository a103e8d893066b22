import { clusterFolder } from './cluster-layout.ts'

/** Name of the lock that one who changes a cluster holds. */
export const clusterLock = (name: string): string => `cluster-${clusterFolder(name)}`

/** Signals on which a cluster that belongs to a process ends before that does. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

import manifest from '../package.json' with { type: 'json' }

/** The version of this image. */
export const version: string = manifest.version

/** The oldest version from which this one can be reached without downtime. */
export const upgradeFrom = '0.1.0'

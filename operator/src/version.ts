import manifest from '../package.json' with { type: 'json' }

/** The version of this operator. */
export const version: string = manifest.version

import { inject } from 'vitest'
import { describeFeatures } from './features.ts'

describeFeatures(`${inject('servers').postgres}/postgres`)

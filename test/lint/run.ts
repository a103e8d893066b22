import { formatCounts } from '../counts.ts'
import { runChecks } from './checks.ts'

const counts = runChecks()
console.log(formatCounts(counts))
process.exit(counts.failed === 0 ? 0 : 1)

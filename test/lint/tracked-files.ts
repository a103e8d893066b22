import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Paths of all files that Git tracks or would track, relative to the top of the tree. */
export function listTrackedFiles(): readonly string[] {
  const output = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8', maxBuffer: 1 << 26 })
  return output.split('\n').filter((file) => file !== '' && existsSync(file))
}

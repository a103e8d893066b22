import { homedir } from 'node:os'
import { join } from 'node:path'

/** Folder in which clusters keep what they are: `$XDG_STATE_HOME/notejam`, outside of any tree of sources (XDG Base Directory). */
export function stateFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'notejam')
}

import { type Browser, chromium } from 'playwright-core'
import { ensureDebian, findCommand } from '../cluster/debian.ts'
import { createProgress } from '../cluster/progress.ts'

/** Keeps Chromium from looking for hosts that a closed network does not have, and lets it run as root in a container. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts the machine's own Chromium without a window; brings it where it is missing and can be installed. */
export async function launchChromium(): Promise<Browser> {
  await ensureDebian(['browser'], { progress: createProgress() })
  const executablePath = ['chromium', 'chromium-browser', 'google-chrome']
    .map((name) => findCommand(name))
    .find((path) => path !== undefined)
  if (executablePath === undefined) throw new Error('no Chromium is on PATH: install the package chromium')
  return await chromium.launch({ executablePath, args: flags })
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { runCommand } from '../cluster/command.ts'
import { dockerIdentity } from '../cluster/docker.ts'
import { DockerEngine } from '../cluster/docker-engine.ts'

const foreign = new DockerEngine('unix:///var/run/docker.sock')
const someoneElse = await foreign.ping()
await foreign[Symbol.asyncDispose]()
/** An engine is started by root, and only where none answers already. */
const startsOwn = process.getuid?.() === 0 && !someoneElse

let home: string
beforeEach(async () => {
  // Short: the path of a socket has at most 107 bytes.
  home = await mkdtemp(path.join(tmpdir(), 'nj-'))
})
afterEach(async () => {
  await rm(home, { recursive: true, force: true })
})

/** A process that uses an engine of its own state folder, and tells when it has it. */
async function user(
  work = 'await new Promise(() => {})',
): Promise<{ readonly kill: () => Promise<void>; readonly ended: Promise<unknown> }> {
  const script = `
    import { acquireDocker } from ${JSON.stringify(path.resolve('test/cluster/docker.ts'))}
    import { silentProgress } from ${JSON.stringify(path.resolve('test/cluster/progress.ts'))}
    const alive = setInterval(() => {}, 60_000)
    await using docker = await acquireDocker({ progress: silentProgress })
    console.log('ready ' + docker.own)
    ${work}
    clearInterval(alive)`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment(),
  })
  const ended = once(child, 'close')
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  expect(line).toBe('ready true')
  return {
    ended,
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

const environment = (): NodeJS.ProcessEnv => ({ ...process.env, DOCKER_HOST: '', XDG_STATE_HOME: `${home}/s`, XDG_CACHE_HOME: `${home}/c` })

/** All that this engine could leave on the machine: processes, mounts, links, firewall rules, cgroups. Other engines may come and go. */
async function traces(): Promise<readonly string[]> {
  const { bridge, cgroup } = dockerIdentity(`${home}/s/notejam/docker`)
  const links = (await runCommand('ip', ['-o', 'link'])).split('\n').map((line) => line.split(': ')[1] ?? '')
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').filter((line) => line.includes(home))
  const rules = (await runCommand('iptables-save', []).catch(() => '')).split('\n').filter((line) => line.includes(bridge))
  const top = '/sys/fs/cgroup'
  const folders = [top, ...(await readdir(top)).map((name) => path.join(top, name))]
  const cgroups = (await Promise.all(folders.map(async (folder) => await readdir(folder).catch(() => [])))).flat()
  const processes: string[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (command.includes(`${home}/`) && /^\S*(?:dockerd|containerd)/.test(command)) processes.push(command.split('\0', 1)[0] ?? '')
  }
  return [
    ...links.filter((link) => link === bridge),
    ...mounts,
    ...rules,
    ...cgroups.filter((name) => name === cgroup),
    ...processes,
  ].toSorted()
}

test.runIf(startsOwn)(
  'an engine of our own ends with its last user, and leaves nothing (needs root and no other Docker)',
  { timeout: 60_000 },
  async () => {
    const before = await traces()
    const first = await user()
    const during = await traces()
    const second = await user(`process.exitCode = 0`)
    await second.ended
    const withFirst = await traces()

    await first.kill()
    const third = await user(`process.exitCode = 0`)
    await third.ended

    expect(during.length).toBeGreaterThan(before.length)
    expect(withFirst).toStrictEqual(during)
    expect(await traces()).toStrictEqual(before)
  },
)

test.runIf(startsOwn)(
  'what an engine that was killed left behind is cleaned by the next start (needs root and no other Docker)',
  { timeout: 60_000 },
  async () => {
    const before = await traces()
    const first = await user()
    const record = JSON.parse(await readFile(`${home}/s/notejam/docker/processes/dockerd.json`, 'utf8')) as { readonly pid: number }
    process.kill(record.pid, 'SIGKILL')
    await first.kill()

    const next = await user(`process.exitCode = 0`)
    await next.ended

    expect(await traces()).toStrictEqual(before)
  },
)

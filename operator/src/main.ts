import { Command, CommanderError } from 'commander'
import { UsageError } from './errors.ts'
import { environmentName, flagDefinitions, readSettings, type Flag, type RawFlags } from './settings.ts'
import { version } from './version.ts'

/** How a process ends: well, by a failure, by wrong usage. */
const exitCodes = { ok: 0, failed: 1, usage: 2 } as const

/** What a signal adds to its number, as a shell does (POSIX, "Exit status for commands"). */
const signalExit = 128

/** Milliseconds: the longest that timers of the platform can do. */
const longestInterval = 2 ** 31 - 1

function program(): Command {
  const root = new Command('notejam-operator')
    .description('Runs Notejam instances on Kubernetes.')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError(false)
  const run = root.command('run').description('watch NotejamInstances and keep them as their specs say, until SIGTERM')
  for (const [flag, { flags, description }] of Object.entries(flagDefinitions)) {
    run.option(flags, `${description} [${environmentName(flag as Flag)}]`)
  }
  run
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (flags: RawFlags, command: Command) => {
      const settings = readSettings(flags, process.env, command.args)
      const { runOperator } = await import('./operator.ts')
      // Timers and sockets of the operator keep no process alive, and while the API server is away there is nothing else.
      const alive = setInterval(() => {}, longestInterval)
      await runOperator(settings, stopSignal()).finally(() => clearInterval(alive))
    })
  root
    .command('version')
    .description('print the version')
    .action(() => {
      process.stdout.write(`${version}\n`)
    })
  return root
}

/** Aborted by SIGTERM or SIGINT: the operator stops in order. A second one ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController()
  for (const [name, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(signalExit + number)
      controller.abort(new Error(`The process got ${name}.`))
    })
  }
  return controller.signal
}

/** One clear line on standard error, and an exit code. */
function explain(error: unknown): { readonly code: number; readonly line: string | undefined } {
  if (error instanceof CommanderError) {
    const shown = ['commander.helpDisplayed', 'commander.version', 'commander.help'].includes(error.code)
    const line = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ')
    return {
      code: error.exitCode === 0 ? exitCodes.ok : exitCodes.usage,
      line: shown ? undefined : `${line} (see notejam-operator --help)`,
    }
  }
  if (error instanceof UsageError) return { code: exitCodes.usage, line: error.message }
  return { code: exitCodes.failed, line: error instanceof Error ? error.message : String(error) }
}

try {
  await program().parseAsync()
} catch (error) {
  const { code, line } = explain(error)
  if (line !== undefined) process.stderr.write(`notejam-operator: ${line}\n`)
  // A lost lease or broken caches leave timers and sockets behind that nobody waits for.
  process.exit(code)
}

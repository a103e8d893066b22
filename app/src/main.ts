import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { ConfigError, AppError, exitCodes, messageOf, type ExitCode } from './errors.ts'
import { version } from './version.ts'

/** Each command is loaded when it is called, so that `serve` does not pay for the others. */
function program(finish: (code: ExitCode) => void): Command {
  const root = new Command('notejam')
    .description('Notejam: pads and notes. Everything is configured by the environment; see the reference of the image contract.')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError(false)
  root
    .command('serve')
    .description('serve the web app on PORT and health and metrics on OPS_PORT')
    .action(async () => {
      const { serveCommand } = await import('./commands/serve.ts')
      await serveCommand()
      finish(exitCodes.ok)
    })
  claimed(root.command('migrate').description('bring the database schema forward'))
    .addOption(new Option('--phase <phase>', 'steps to take').choices(['expand', 'contract']).default('expand'))
    .option('--dry-run', 'say what would be done, and change nothing', false)
    .option('--offline', 'nothing serves from this database now: contract steps on the way may be taken', false)
    .option('--wait <seconds>', 'how long to wait for the lock of the database', seconds, 10)
    .option('--adopt <uid>', 'take over the database of this gone instance (none: one without a mark)')
    .action(async (flags) => {
      const { migrateCommand } = await import('./commands/migrate.ts')
      finish(await migrateCommand(flags))
    })
  claimed(root.command('wipe').description('empty the database of an instance in Development, inside the fence'))
    .option('--wipe-id <id>', 'the release that wipes; the database is wiped once for it')
    .option('--wait <seconds>', 'how long to wait for the lock of the database', seconds, 10)
    .action(async (flags) => {
      const { wipeCommand } = await import('./commands/wipe.ts')
      finish(await wipeCommand(flags))
    })
  claimed(root.command('seed').description('fill a database of Development or Test with accounts, pads and notes'))
    .option('--generate', 'make them up; the same numbers give the same data', false)
    .option('--from <source>', 'NAMESPACE/INSTANCE[/UID] of which a masked copy takes the place of what the database holds')
    .option('--backup <id>', 'the masked copy, or Latest')
    .option('--deadline <seconds>', 'how long a masked copy may take', seconds)
    .option('--seed <number>', 'the number that everything depends on', whole, 1)
    .option('--users <number>', 'accounts', whole, 3)
    .option('--pads <number>', 'pads of each account', whole, 5)
    .option('--notes <number>', 'notes of each account', whole, 60)
    .option('--wait <seconds>', 'how long to wait for the lock of the database', seconds, 10)
    .action(async (flags) => {
      const { seedCommand } = await import('./commands/seed.ts')
      finish(await seedCommand(flags))
    })
  claimed(root.command('backup').description('archive the database into its stores'))
    .addOption(
      new Option('--reason <reason>', 'why').choices(['Scheduled', 'PreMigration', 'PreRestore', 'OnDemand']).makeOptionMandatory(),
    )
    .option('--uid <uid>', 'the NotejamBackup that asks; it gets one archive, however often it asks')
    .option('--id <id>', 'the name of the archive, such as 20261121T000003Z-1f0c2a9b')
    .option('--hold', 'keep it until the hold is let go', false)
    .option('--deadline <seconds>', 'how long it may take', seconds)
    .option('--wait <seconds>', 'how long to wait for the lock of the database', seconds, 10)
    .action(async (flags) => {
      const { backupCommand } = await import('./commands/backup.ts')
      finish(await backupCommand(flags))
    })
  claimed(root.command('restore').description('put an archive in the place of what the database holds'))
    .option('--backup <id>', 'the archive, or Latest')
    .option('--not-after <time>', 'the newest archive that began at this time or before')
    .option('--from <source>', 'NAMESPACE/INSTANCE[/UID] whose archives are read; without it its own')
    .option('--confirm <name>', 'the name of the instance, typed by whoever wants this')
    .option('--bootstrap', 'fill an empty database', false)
    .option('--adopt <uid>', 'take over the database of this gone instance (none: one without a mark)')
    .option('--deadline <seconds>', 'how long it may take', seconds)
    .option('--wait <seconds>', 'how long to wait for the lock of the database', seconds, 10)
    .action(async (flags) => {
      const { restoreCommand } = await import('./commands/restore.ts')
      finish(await restoreCommand(flags))
    })
  root
    .command('verify')
    .description('try an archive on a throw-away database')
    .option('--backup <id>', 'the archive, or Latest')
    .option('--from <source>', 'NAMESPACE/INSTANCE[/UID] whose archives are read; without it its own')
    .option('--deadline <seconds>', 'how long it may take', seconds)
    .action(async (flags) => {
      const { verifyCommand } = await import('./commands/verify.ts')
      finish(await verifyCommand(flags))
    })
  root
    .command('rehearse')
    .description('try the migrations of this image on an archive, in a throw-away database')
    .option('--backup <id>', 'the archive, or Latest')
    .option('--deadline <seconds>', 'how long it may take', seconds)
    .action(async (flags) => {
      const { rehearseCommand } = await import('./commands/rehearse.ts')
      finish(await rehearseCommand(flags))
    })
  root
    .command('mask')
    .description('make a masked copy of an archive for Development or Test')
    .option('--backup <id>', 'the archive, or Latest')
    .option('--uid <uid>', 'the run that asks; it gets one copy, however often it asks')
    .option('--deadline <seconds>', 'how long it may take', seconds)
    .action(async (flags) => {
      const { maskCommand } = await import('./commands/mask.ts')
      finish(await maskCommand(flags))
    })
  claimed(root.command('recover').description('bring what one account lost back from an archive'))
    .option('--backup <id>', 'the archive, or Latest')
    .option('--not-after <time>', 'the newest archive that began at this time or before')
    .option('--user <email>', 'all notes of this account')
    .option('--note <id>', 'this note; may be said more than once', collect)
    .option('--export <file>', 'write them to a new file: .zip (Markdown) or .json')
    .option('--reinsert', 'put them back among the notes that are served', false)
    .option('--deadline <seconds>', 'how long it may take', seconds)
    .option('--wait <seconds>', 'how long to wait for the lock of the database', seconds, 10)
    .action(async (flags) => {
      const { recoverCommand } = await import('./commands/recover.ts')
      finish(await recoverCommand(flags))
    })
  root
    .command('catalog')
    .description('say what archives of an instance there are')
    .option('--limit <number>', 'archives that are described one by one', whole, 20)
    .action(async (flags) => {
      const { catalogCommand } = await import('./commands/catalog.ts')
      finish(await catalogCommand(flags))
    })
  root
    .command('prune')
    .description('remove the archives that the retention does not ask for any more')
    .option('--daily <period>', 'how long the last archive of each day is kept', 'P3Y')
    .option('--weekly <period>', 'how long the last archive of each week is kept')
    .option('--monthly <period>', 'how long the last archive of each month is kept')
    .option('--before-migration <period>', 'how long archives taken for an occasion are kept', 'P30D')
    .option('--hold <id>', 'an archive that is kept until it is let go; may be said more than once', collectText, [])
    .option('--release <id>', 'an archive whose hold ends; may be said more than once', collectText, [])
    .option('--keep <id>', 'an archive that stays this time; may be said more than once', collectText, [])
    .option('--deadline <seconds>', 'how long it may take', seconds)
    .option('--dry-run', 'say what would go, and remove nothing', false)
    .action(async (flags) => {
      const { pruneCommand } = await import('./commands/prune.ts')
      finish(await pruneCommand(flags))
    })
  root
    .command('smoke')
    .description('try every kind of page of a running Notejam with an account of its own, and leave nothing')
    .requiredOption('--base <url>', 'where it runs, such as http://127.0.0.1:8080')
    .action(async (flags) => {
      const { smokeCommand } = await import('./commands/smoke.ts')
      finish(await smokeCommand(flags))
    })
  root
    .command('status')
    .description('say what the database holds and what this image makes of it')
    .option('--json', 'as one line of JSON (always so)')
    .action(async () => {
      const { statusCommand } = await import('./commands/status.ts')
      finish(await statusCommand())
    })
  return root
}

function claimed(command: Command): Command {
  return command
    .option('--instance-uid <uid>', 'the instance whose database this is (NOTEJAM_INSTANCE_UID)')
    .option('--environment <name>', 'Development, Test or Production (NOTEJAM_ENVIRONMENT)')
    .option('--fingerprint <hex>', 'the mark that the database must bear (NOTEJAM_FINGERPRINT)')
}

function collectText(text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}

function seconds(text: string): number {
  if (!/^\d{1,6}$/.test(text)) {
    throw new InvalidArgumentError('must be a whole number of seconds.')
  }
  return Number(text)
}

function collect(text: string, before: readonly number[] = []): readonly number[] {
  if (!/^[1-9]\d{0,14}$/.test(text)) {
    throw new InvalidArgumentError('must be the number of a note, as its address shows it.')
  }
  return [...before, Number(text)]
}

function whole(text: string): number {
  if (!/^\d{1,8}$/.test(text)) {
    throw new InvalidArgumentError('must be a whole number below 100,000,000.')
  }
  return Number(text)
}

/** What a failed start is answered with: one clear line on standard error, and an exit code. */
function explain(error: unknown): { readonly code: number; readonly line: string | undefined } {
  if (error instanceof CommanderError) {
    const shown = error.code === 'commander.helpDisplayed' || error.code === 'commander.version' || error.code === 'commander.help'
    const line = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ')
    return { code: error.exitCode === 0 ? 0 : exitCodes.usage, line: shown ? undefined : `notejam: ${line} (see notejam --help)` }
  }
  if (error instanceof ConfigError || error instanceof AppError) {
    return { code: error.exitCode, line: `notejam: ${error.message}` }
  }
  return { code: exitCodes.failed, line: `notejam: ${messageOf(error)}` }
}

try {
  await program((code) => {
    process.exitCode = code
  }).parseAsync()
} catch (error) {
  const { code, line } = explain(error)
  if (line !== undefined) {
    process.stderr.write(`${line}\n`)
  }
  process.exitCode = code
}

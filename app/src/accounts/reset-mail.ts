import type { Mail } from '../mail/outbox.ts'

/** The mail with the link to choose a new password, in short lines that travel as they are. It never holds a password. */
export function resetMail(to: string, link: string, validMs: number): Mail {
  const minutes = Math.round(validMs / 60_000)
  return {
    to,
    subject: 'Notejam password reset',
    text: `Hi, ${to}

someone, probably you, asked for a new password for Notejam.
Choose one here:

${link}

The link works once, within ${minutes} minutes. If you did not ask for it,
ignore this mail: your password stays as it is.
`,
  }
}

import { z } from 'zod'
import { emailKey, maxEmailKey } from '../db/text-keys.ts'
import { requiredMessage } from '../views/form.ts'
import { atMost, codePoints, required } from '../views/validation.ts'

const maxEmail = 254
const minPassword = 8
const maxPassword = 128

/**
 * Shape of an address, on purpose wide: one `@`, a domain with a dot, no blank, control or invisible character, no quoting. Whether it exists only a mail tells.
 */
const emailShape = /^[^\s@"(),:;<>[\\\]\p{C}]+@(?:[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?\.)+[\p{L}\p{M}\p{N}-]{2,}$/u

function isEmail(text: string): boolean {
  const local = text.slice(0, text.lastIndexOf('@'))
  return emailShape.test(text) && !local.startsWith('.') && !local.endsWith('.') && !local.includes('..')
}

/** An e-mail address: trimmed, at most 254 characters (RFC 5321, 4.5.3.1.3, errata 1690). */
export const email = required
  .transform((text) => text.trim())
  .pipe(z.string().refine(isEmail, { error: 'Invalid email address.' }))
  .pipe(atMost(maxEmail))
  .refine((text) => codePoints(emailKey(text)) <= maxEmailKey, { error: 'Invalid email address.' })

/** A password to be set; blanks count, nothing is trimmed. */
const newPassword = z
  .string({ error: requiredMessage })
  .min(1, { error: requiredMessage })
  .refine(
    (text) => {
      const count = codePoints(text)
      return count >= minPassword && count <= maxPassword
    },
    { error: `Please use a password which has between ${minPassword} and ${maxPassword} characters.` },
  )

/** A password to be compared: anything, but not endlessly long. */
const givenPassword = z.string({ error: requiredMessage }).min(1, { error: requiredMessage })

/** Sign-up. */
export const signUpInput = z
  .object({ email, password: newPassword, confirm_password: givenPassword })
  .refine((input) => input.password === input.confirm_password, {
    path: ['confirm_password'],
    error: 'Your passwords do not match',
    when: bothAreTexts('password', 'confirm_password'),
  })

/** Sign-in. */
export const signInInput = z.object({ email, password: givenPassword })

/** Asking for a link to choose a new password. */
export const forgotInput = z.object({ email })

/** Choosing a new password by a mailed link. */
export const recoverInput = z
  .object({ password: newPassword, confirm_password: givenPassword })
  .refine((input) => input.password === input.confirm_password, {
    path: ['confirm_password'],
    error: 'Your passwords do not match',
    when: bothAreTexts('password', 'confirm_password'),
  })

/** Changing the password in the settings. */
export const changePasswordInput = z
  .object({ old_password: givenPassword, new_password: newPassword, confirm_new_password: givenPassword })
  .refine((input) => input.new_password === input.confirm_new_password, {
    path: ['confirm_new_password'],
    error: 'New passwords must match',
    when: bothAreTexts('new_password', 'confirm_new_password'),
  })

/** Deleting the account: the password says it is meant. */
export const deleteAccountInput = z.object({ password: givenPassword })

/** Compares also when another field is wrong, so that all errors show at once. */
function bothAreTexts(one: string, other: string): (payload: { readonly value: unknown }) => boolean {
  return ({ value }) => {
    if (typeof value !== 'object' || value === null) return false
    const fields = value as Readonly<Record<string, unknown>>
    return typeof fields[one] === 'string' && typeof fields[other] === 'string' && fields[one] !== '' && fields[other] !== ''
  }
}

import { pipeline } from 'node:stream/promises'
import type { EncryptionConfig } from '../archive/stores/store-config.ts'
import { AppError, exitCodes } from '../errors.ts'
import { startTool } from './child.ts'
import type { Scratch } from './scratch.ts'

/** What a short text may have. */
const maxTextBytes = 64 * 1024

/**
 * Writes the recipients into a file of the scratch folder, as `age` takes them; undefined where nothing is encrypted.
 *
 * @throws {@link AppError} `InvalidConfig`, exit code 2, without recipients
 */
export async function recipientsFile(
  { mode, recipients }: EncryptionConfig,
  scratch: Scratch,
  name = 'recipients',
): Promise<string | undefined> {
  if (mode === 'None') return undefined
  if (recipients.length === 0) {
    throw new AppError(
      'STORE_RECIPIENTS names nobody for whom archives are encrypted; name public keys of age, or set STORE_ENCRYPTION=None',
      {
        code: 'InvalidConfig',
        exitCode: exitCodes.usage,
      },
    )
  }
  return await scratch.write(name, `${recipients.join('\n')}\n`)
}

/** Encrypts a short text for the recipients in a file. */
export async function encryptText(text: string, file: string, signal: AbortSignal): Promise<Buffer> {
  return await throughAge(['--encrypt', '--recipients-file', file], Buffer.from(text), signal)
}

/** Opens what {@link encryptText} made. */
export async function decryptText(encrypted: Uint8Array, identityFile: string, signal: AbortSignal): Promise<string> {
  return (await throughAge(['--decrypt', '--identity', identityFile], encrypted, signal)).toString()
}

async function throughAge(args: readonly string[], input: Uint8Array, signal: AbortSignal): Promise<Buffer> {
  const age = startTool({ command: 'age', args, signal })
  const feeding = pipeline([input], age.stdin).catch(() => undefined)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of age.stdout as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > maxTextBytes) throw new AppError('what was encrypted is longer than it should be', { code: 'ToolFailed' })
  }
  await Promise.all([feeding, age.done])
  signal.throwIfAborted()
  return Buffer.concat(chunks)
}

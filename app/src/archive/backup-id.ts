import { randomBytes } from 'node:crypto'

const shape = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z-[0-9a-f]{8}$/

/**
 * The name of a backup: `20261121T000003Z-1f0c2a9b`, the second it began, its milliseconds in three hexadecimal digits, and five random ones, so that
 * names sort by time and two runs at once do not share one (a manifest is never overwritten).
 */
export function createBackupId(startTime: Date, random: Uint8Array = randomBytes(4)): string {
  const stamp = startTime.toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const milliseconds = startTime.getUTCMilliseconds().toString(16).padStart(3, '0')
  return `${stamp}-${milliseconds}${Buffer.from(random.subarray(0, 4)).toString('hex').slice(0, 5)}`
}

/** When a backup began, read from its name; undefined for what is not the name of a backup. */
export function backupIdTime(id: string): Date | undefined {
  const match = shape.exec(id)
  if (match === null) {
    return undefined
  }
  const [, year, month, day, hour, minute, second] = match
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(time.getTime()) ? undefined : time
}

import { describe, expect, test } from 'vitest'
import { intoSideTables, rewriteLine, runPrefix, sideConstraints } from './mysql-side-tables.ts'

const prefix = 'notejam_side_0a1b2c_'
const dump = [
  'CREATE TABLE `notes` (',
  '  `id` bigint(20) NOT NULL AUTO_INCREMENT,',
  '  KEY `notes_pad` (`pad_id`,`user_id`),',
  '  CONSTRAINT `notes_pad` FOREIGN KEY (`pad_id`, `user_id`) REFERENCES `pads` (`id`, `user_id`) ON DELETE CASCADE,',
  '  CONSTRAINT `notes_user` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE',
  ') ENGINE=InnoDB;',
  'INSERT INTO `notes` VALUES',
  "(1,'INSERT INTO `notes` VALUES (1)'),",
  "(2,'  CONSTRAINT `notes_pad` ) REFERENCES `pads`');",
  '-- Dump completed',
].join('\n')

async function rewritten(size: number): Promise<string> {
  const chunks = async function* () {
    const bytes = Buffer.from(dump)
    for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size))
  }
  const parts: Uint8Array[] = []
  for await (const part of intoSideTables(chunks(), prefix)) parts.push(part)
  return Buffer.concat(parts).toString()
}

describe('a dump for tables beside those that are served', () => {
  test.each([1, 7, 64, 100_000])('names tables and constraints anew and leaves rows alone, in chunks of %i bytes', async (size) => {
    const text = await rewritten(size)

    expect(text.split('\n')).toEqual(dump.split('\n').map((line) => (line.startsWith('(') ? line : rewriteLine(line, prefix))))
    expect(text).toContain(`CREATE TABLE \`${prefix}notes\``)
    expect(text).toContain(`INSERT INTO \`${prefix}notes\` VALUES`)
    expect(text).toContain(`CONSTRAINT \`${prefix}notes_user\` FOREIGN KEY (\`user_id\`) REFERENCES \`${prefix}users\` (`)
    expect(text).toContain("(1,'INSERT INTO `notes` VALUES (1)'),")
  })

  test('the names that constraints had are found again', () => {
    const shown = [
      'CREATE TABLE `notes` (',
      `  CONSTRAINT \`${prefix}notes_pad\` FOREIGN KEY (\`pad_id\`) REFERENCES \`pads\` (\`id\`) ON DELETE CASCADE,`,
      `  CONSTRAINT \`${prefix}notes_user\` FOREIGN KEY (\`user_id\`) REFERENCES \`users\` (\`id\`)`,
      ') ENGINE=InnoDB',
    ].join('\n')

    expect(sideConstraints(shown)).toEqual([
      {
        sideName: `${prefix}notes_pad`,
        name: 'notes_pad',
        definition: 'FOREIGN KEY (`pad_id`) REFERENCES `pads` (`id`) ON DELETE CASCADE',
      },
      { sideName: `${prefix}notes_user`, name: 'notes_user', definition: 'FOREIGN KEY (`user_id`) REFERENCES `users` (`id`)' },
    ])
    expect(runPrefix()).toMatch(/^notejam_side_[0-9a-f]{6}_$/)
  })
})

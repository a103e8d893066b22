import { promisify } from 'node:util'
import { crc32, deflateRaw, deflateRawSync } from 'node:zlib'

/** One file of an archive. */
export interface ZipEntry {
  /** Path with `/` between folders; UTF-8. */
  readonly path: string
  readonly content: Uint8Array
  /** Milliseconds since the epoch, UTC. */
  readonly modifiedAt: number
}

interface CentralEntry {
  readonly path: Buffer
  readonly method: number
  readonly crc: number
  readonly packedSize: number
  readonly size: number
  readonly dosTime: number
  readonly offset: number
}

const deflate = promisify(deflateRaw)
/** Shorter contents are packed at once: a turn in the thread pool costs more than it frees. */
const shortBytes = 16_384
/** Packing so little gains nothing. */
const tinyBytes = 64
const max16 = 0xff_ff
const max32 = 0xff_ff_ff_ff
const versionZip64 = 45
/** UTF-8 names (bit 11). */
const flags = 0x08_00
const methodStored = 0
const methodDeflate = 8

/**
 * Packs files into a ZIP archive as they come, in constant memory but for the names (APPNOTE.TXT 6.3.10). Zip64 is used where more than
 * 65,535 files or 4 GiB need it, and only there, so that old programs read what they can.
 */
export async function* writeZip(entries: AsyncIterable<ZipEntry>): AsyncGenerator<Uint8Array, void, undefined> {
  const central: CentralEntry[] = []
  let offset = 0
  for await (const entry of entries) {
    const path = Buffer.from(entry.path)
    const { method, packed } = await pack(entry.content)
    const known = {
      path,
      method,
      crc: crc32(entry.content),
      packedSize: packed.length,
      size: entry.content.length,
      dosTime: toDosTime(entry.modifiedAt),
      offset,
    }
    central.push(known)
    const header = localHeader(known)
    offset += header.length + packed.length
    yield header
    yield packed
  }
  const start = offset
  for (const entry of central) {
    const header = centralHeader(entry)
    offset += header.length
    yield header
  }
  yield endOfCentralDirectory(central.length, start, offset - start)
}

async function pack(content: Uint8Array): Promise<{ readonly method: number; readonly packed: Uint8Array }> {
  if (content.length <= tinyBytes) return { method: methodStored, packed: content }
  const packed = content.length <= shortBytes ? deflateRawSync(content) : await deflate(content)
  return { method: methodDeflate, packed }
}

/** Two-second steps in UTC from 1980 to 2107, the date above the time. */
function toDosTime(milliseconds: number): number {
  const time = new Date(milliseconds)
  const year = Math.min(Math.max(time.getUTCFullYear(), 1980), 2107)
  const date = ((year - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate()
  return ((date << 16) | (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1)) >>> 0
}

function localHeader(entry: CentralEntry): Buffer {
  const header = Buffer.alloc(30)
  header.writeUInt32LE(0x04_03_4b_50, 0)
  header.writeUInt16LE(20, 4)
  writeCommon(header, 6, entry)
  header.writeUInt16LE(entry.path.length, 26)
  return Buffer.concat([header, entry.path])
}

function centralHeader(entry: CentralEntry): Buffer {
  const far = entry.offset >= max32
  const extra = far ? Buffer.alloc(12) : Buffer.alloc(0)
  if (far) {
    extra.writeUInt16LE(1, 0)
    extra.writeUInt16LE(8, 2)
    extra.writeBigUInt64LE(BigInt(entry.offset), 4)
  }
  const header = Buffer.alloc(46)
  header.writeUInt32LE(0x02_01_4b_50, 0)
  // Made by UNIX (3), so that the mode below counts.
  header.writeUInt16LE((3 << 8) | versionZip64, 4)
  header.writeUInt16LE(far ? versionZip64 : 20, 6)
  writeCommon(header, 8, entry)
  header.writeUInt16LE(entry.path.length, 28)
  header.writeUInt16LE(extra.length, 30)
  // A plain file that its owner may write and all may read.
  header.writeUInt32LE((0o100644 << 16) >>> 0, 38)
  header.writeUInt32LE(far ? max32 : entry.offset, 42)
  return Buffer.concat([header, entry.path, extra])
}

/** What local and central headers have in common: flags, method, time, CRC and both sizes. */
function writeCommon(header: Buffer, at: number, entry: CentralEntry): void {
  header.writeUInt16LE(flags, at)
  header.writeUInt16LE(entry.method, at + 2)
  header.writeUInt32LE(entry.dosTime, at + 4)
  header.writeUInt32LE(entry.crc, at + 8)
  header.writeUInt32LE(entry.packedSize, at + 12)
  header.writeUInt32LE(entry.size, at + 16)
}

function endOfCentralDirectory(count: number, start: number, size: number): Buffer {
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06_05_4b_50, 0)
  end.writeUInt16LE(Math.min(count, max16), 8)
  end.writeUInt16LE(Math.min(count, max16), 10)
  end.writeUInt32LE(Math.min(size, max32), 12)
  end.writeUInt32LE(Math.min(start, max32), 16)
  if (count < max16 && start < max32 && size < max32) return end
  const end64 = Buffer.alloc(56)
  end64.writeUInt32LE(0x06_06_4b_50, 0)
  end64.writeBigUInt64LE(44n, 4)
  end64.writeUInt16LE((3 << 8) | versionZip64, 12)
  end64.writeUInt16LE(versionZip64, 14)
  end64.writeBigUInt64LE(BigInt(count), 24)
  end64.writeBigUInt64LE(BigInt(count), 32)
  end64.writeBigUInt64LE(BigInt(size), 40)
  end64.writeBigUInt64LE(BigInt(start), 48)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x07_06_4b_50, 0)
  locator.writeBigUInt64LE(BigInt(start + size), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([end64, locator, end])
}

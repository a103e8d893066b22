import type { Readable } from 'node:stream'

/** An object as a listing shows it. */
export interface StoredObject {
  readonly key: string
  /** Bytes. */
  readonly size: number
  readonly modified: Date
}

/** What was written: enough to find out later whether it is still the same. */
export interface WrittenObject {
  /** Bytes. */
  readonly size: number
  /** Of the whole object, hex. */
  readonly sha256: string
}

/** Options of a transfer. */
export interface TransferOptions {
  /** Ends the transfer; an object that was being written is not there afterwards. */
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link Store.write} and {@link Store.create}. */
export interface WriteOptions extends TransferOptions {
  /** Until when nobody may delete or change this object, where the store can see to that; elsewhere it is passed over. */
  readonly retainUntil?: Date | undefined
}

/**
 * Where archives are kept: a bucket or a folder. Keys are relative to the store's prefix, their segments parted by `/`; what lies beside the prefix
 * is neither seen nor touched.
 *
 * Every method throws {@link StoreUnavailableError} when the store does not do what it is asked for, after its own bounded retries.
 */
export interface Store {
  /** As messages call it, such as `offsite`. */
  readonly name: string
  /** Where it is, for messages and reports: endpoint and bucket, or the folder. Holds no credential. */
  readonly place: string
  /** Every object whose key begins with `prefix`, in no order that may be relied on. Ends only when the listing is complete; else it throws. */
  list(prefix: string): AsyncIterable<StoredObject>
  /**
   * Opens an object; an error of the stream is a {@link StoreUnavailableError} too.
   *
   * @throws {@link ObjectNotFoundError} when it is not there
   */
  read(key: string, options?: TransferOptions): Promise<Readable>
  /**
   * A small object as text.
   *
   * @throws {@link ObjectNotFoundError} when it is not there
   */
  readText(key: string, maxBytes: number): Promise<string>
  /**
   * Writes an object in constant memory; it is visible only when it is whole. Takes the place of one that is there. Chunks must not be written to
   * after they were given.
   */
  write(key: string, body: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<WrittenObject>
  /**
   * Writes a small object unless there is one.
   *
   * @throws {@link ObjectExistsError} when there is one; it stays as it is
   */
  create(key: string, text: string, options?: WriteOptions): Promise<void>
  /** Writes a small object, whether there is one or not. */
  replace(key: string, text: string): Promise<void>
  /** Removes objects one after the other, in the order given; one that is not there is no error. Stops at the first that cannot be removed. */
  remove(keys: readonly string[]): Promise<void>
  /** Drops what writers that were killed left half written before this moment, under the prefix; returns how many. */
  dropUnfinished(before: Date): Promise<number>
  close(): Promise<void>
}

/** The text of a small object. @throws what `tooLong` makes, when there is more of it than expected */
export async function collectText(
  stream: Readable,
  { maxBytes, tooLong }: { readonly maxBytes: number; readonly tooLong: () => Error },
): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > maxBytes) {
      throw tooLong()
    }
  }
  return Buffer.concat(chunks).toString('utf8')
}

import {
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type MultipartUpload,
} from '@aws-sdk/client-s3'
import type { S3Connection } from './s3-connection.ts'
import type { StoredObject } from './store.ts'

/** What is listed. */
export interface ListingOptions {
  readonly connection: S3Connection
  /** With the store's prefix. */
  readonly prefix: string
  readonly doing: string
}

/**
 * Every object under a prefix, page by page. A page that does not say whether others follow, that lacks objects it counts, or that leads back to a
 * page seen before ends in an error: who prunes by a listing must have the whole of it.
 */
export async function* listObjects({ connection, prefix, doing }: ListingOptions): AsyncIterable<StoredObject> {
  const seen = new Set<string>()
  let token: string | undefined
  do {
    const list = new ListObjectsV2Command({
      Bucket: connection.bucket,
      Prefix: prefix,
      // Keys of others may hold what XML cannot.
      EncodingType: 'url',
      ...(token === undefined ? {} : { ContinuationToken: token }),
    })
    const page = await connection.send((client, options) => client.send(list, options), { doing })
    const problem = pageProblem(page, seen)
    if (problem !== undefined) {
      throw connection.failure({ code: 'Incomplete', status: 200, message: problem }, { doing })
    }
    const decode = page.EncodingType === 'url' ? decodeKey : (key: string) => key
    for (const { Key: key, Size: size, LastModified: modified } of page.Contents ?? []) {
      if (key === undefined || size === undefined || modified === undefined) {
        throw connection.failure({ code: 'Incomplete', status: 200, message: 'an object is listed without key, size or time' }, { doing })
      }
      yield { key: decode(key), size, modified }
    }
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}

function pageProblem(page: ListObjectsV2CommandOutput, seen: Set<string>): string | undefined {
  const { IsTruncated: truncated, NextContinuationToken: next, KeyCount: count, Contents: contents = [] } = page
  if (truncated === undefined) {
    return 'a page of the listing does not say whether others follow'
  }
  if (count !== undefined && count !== contents.length) {
    return `a page of the listing counts ${count} objects and names ${contents.length}`
  }
  if (!truncated) {
    return undefined
  }
  if (next === undefined || next === '' || seen.has(next)) {
    return 'more objects are said to follow, and the listing does not lead to them'
  }
  seen.add(next)
  return undefined
}

function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '))
}

/** Multipart uploads under a prefix that were begun and neither ended nor taken back. */
export async function* listUploads({ connection, prefix, doing }: ListingOptions): AsyncIterable<MultipartUpload> {
  let marker: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } | undefined = {}
  while (marker !== undefined) {
    const list: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({ Bucket: connection.bucket, Prefix: prefix, ...marker })
    const page = await connection.send((client, options) => client.send(list, options), { doing })
    yield* page.Uploads ?? []
    marker =
      page.IsTruncated === true && page.NextKeyMarker !== undefined
        ? {
            KeyMarker: page.NextKeyMarker,
            ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }),
          }
        : undefined
  }
}

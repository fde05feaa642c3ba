import { basename } from 'node:path'
import type { Algorithm, Digests, Pieces } from '../../model.js'
import { SHA1_BYTES, SHA256_BYTES } from '../../pieces.js'
import type { FileUrl, RenderInput } from './representation.js'

/** File as a Metalink document of any version describes it. */
export interface MetalinkFile {
  /** Base name only: wget2 takes nothing else. */
  readonly name: string
  readonly size: number
  readonly digests: Digests
  readonly pieces: Pieces | undefined
  /**
   * Algorithm of the piece digests. A document has one kind only: libzypp reads sha-1, other
   * clients sha-256.
   */
  readonly pieceAlgorithm: 'sha-256' | 'sha-1'
  /** Best first. */
  readonly urls: readonly (Pick<FileUrl, 'url'> & Partial<FileUrl>)[]
  /** URL of the document. */
  readonly origin?: string | undefined
}

/**
 * Algorithms of the hashes, in the order of the document: wget2 checks the first that it knows, and
 * loops on a leading sha-512.
 */
const HASH_ALGORITHMS: readonly Algorithm[] = ['sha-256', 'sha-512', 'sha-1', 'md5']

/** Returns the data that a Metalink document of any version is written from. */
export function metalinkFile({ file, urls, pieces, url, header }: RenderInput): MetalinkFile {
  return {
    name: savedName(basename(file.path)),
    size: file.identity.size,
    digests: file.digests,
    pieces,
    pieceAlgorithm: isLibzypp(header('user-agent')) ? 'sha-1' : 'sha-256',
    urls,
    origin: url,
  }
}

/** Returns the digests that a document names, in its order, as hexadecimal text. */
export function fileHashes(digests: Digests): readonly (readonly [algorithm: Algorithm, hex: string])[] {
  return HASH_ALGORITHMS.flatMap((algorithm) => {
    const digest = digests[algorithm]
    return digest === undefined ? [] : [[algorithm, hex(digest)] as const]
  })
}

/** Returns the digests of the pieces, in the order of the pieces, as hexadecimal text. */
export function pieceHashes(pieces: Pieces, algorithm: MetalinkFile['pieceAlgorithm']): readonly string[] {
  const [digests, bytes] = algorithm === 'sha-1' ? [pieces.sha1, SHA1_BYTES] : [pieces.sha256, SHA256_BYTES]
  const hashes: string[] = []
  for (let start = 0; start < digests.length; start += bytes)
    hashes.push(hex(digests.subarray(start, start + bytes)))
  return hashes
}

/** Returns true for libzypp and zypper, by their user agent. Their only piece digests are sha-1. */
export function isLibzypp(userAgent: string | undefined): boolean {
  return userAgent?.startsWith('ZYpp') === true
}

/**
 * Returns the name with control characters written as in a URL. aria2 refuses a Metalink that names
 * them, with exit status 0 and no file. Given only the URL of such a file, it saves the file under
 * the name that this function returns.
 */
function savedName(name: string): string {
  return [...name]
    .map((character) => (isControl(character) ? encodeURIComponent(character) : character))
    .join('')
}

function isControl(character: string): boolean {
  return character < ' ' || character === '\u007f'
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

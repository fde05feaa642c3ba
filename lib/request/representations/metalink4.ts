import type { Algorithm, Digests, Pieces } from '../../model.js'
import { SHA1_BYTES, SHA256_BYTES } from '../../pieces.js'
import { escapeXml } from './xml.js'

export interface MetalinkUrl {
  readonly url: string
  /** Country, lower case. */
  readonly location?: string | undefined
}

export interface MetalinkFile {
  /** Base name only: wget2 takes nothing else. */
  readonly name: string
  readonly size: number
  readonly digests: Digests
  readonly pieces: Pieces | undefined
  /** The piece digests to give, for there may be only one kind: libzypp reads sha-1, everyone else sha-256. */
  readonly pieceAlgorithm: 'sha-256' | 'sha-1'
  /** Best first. */
  readonly urls: readonly MetalinkUrl[]
  /** Where this document came from. */
  readonly origin?: string | undefined
}

/**
 * Types of IANA's "Hash Function Textual Names", in the order of the document: wget2 checks the first that it knows,
 * and loops on a leading sha-512.
 */
const HASH_TYPES: readonly Algorithm[] = ['sha-256', 'sha-512', 'sha-1', 'md5']

/**
 * A Metalink 4 document of one file (RFC 5854): size, hashes, one `pieces`, then the URLs in ascending priority, which
 * is their order in the document too, for wget2 reads only that.
 */
export function metalink4(file: MetalinkFile): string {
  const hashes = HASH_TYPES.flatMap((type) => {
    const digest = file.digests[type]
    return digest === undefined ? [] : [`    <hash type="${type}">${hex(digest)}</hash>`]
  })
  const urls = file.urls.map(({ url, location }, index) => {
    const place = location === undefined ? '' : ` location="${escapeXml(location)}"`
    return `    <url${place} priority="${index + 1}">${escapeXml(url)}</url>`
  })
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<metalink xmlns="urn:ietf:params:xml:ns:metalink">',
    '  <generator>mirrored-by</generator>',
    ...(file.origin === undefined ? [] : [`  <origin dynamic="true">${escapeXml(file.origin)}</origin>`]),
    `  <file name="${escapeXml(file.name)}">`,
    `    <size>${file.size}</size>`,
    ...hashes,
    ...piecesLines(file),
    ...urls,
    '  </file>',
    '</metalink>',
    '',
  ].join('\n')
}

function piecesLines({ pieces, pieceAlgorithm }: MetalinkFile): string[] {
  if (pieces === undefined) return []
  const [digests, bytes] =
    pieceAlgorithm === 'sha-1' ? [pieces.sha1, SHA1_BYTES] : [pieces.sha256, SHA256_BYTES]
  const lines = [`    <pieces length="${pieces.length}" type="${pieceAlgorithm}">`]
  for (let start = 0; start < digests.length; start += bytes) {
    lines.push(`      <hash>${hex(digests.subarray(start, start + bytes))}</hash>`)
  }
  return [...lines, '    </pieces>']
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

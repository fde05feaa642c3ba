import type { Algorithm } from '../../model.js'
import { fileHashes, type MetalinkFile, metalinkFile, pieceHashes } from './metalink.js'
import type { Representation } from './representation.js'
import { escapeXml, isXmlText } from './xml.js'

/**
 * Metalink 3.0, the only version that librepo (dnf) reads. Neither negotiable nor advertised:
 * clients that read both versions, such as aria2, libzypp and wget2, get Metalink 4.
 */
export const metalink3 = {
  name: 'metalink',
  suffix: '.metalink',
  type: 'application/metalink+xml',
  needs: ['mirrors', 'pieces', 'url'],
  vary: ['User-Agent'],
  available: ({ path }) => isXmlText(path),
  render: (input) => writeMetalink3(metalinkFile(input)),
} as const satisfies Representation

/** Hash types as Metalink 3.0 spells them. librepo silently does not verify a `sha-256`. */
const HASH_TYPES: { readonly [A in Algorithm]?: string } = {
  'sha-256': 'sha256',
  'sha-512': 'sha512',
  'sha-1': 'sha1',
  md5: 'md5',
}

const MAX_PREFERENCE = 100

/**
 * Returns a Metalink 3.0 document of one file. The best URL comes first, because librepo reads the
 * document's order, and has the highest preference, because aria2 reads that. (wget2 2.2.1 reads
 * preferences the wrong way round.)
 */
export function writeMetalink3(file: MetalinkFile): string {
  const { name, size, urls, origin } = file
  const originAttribute = origin === undefined ? '' : ` origin="${escapeXml(origin)}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic"${originAttribute} generator="mirrored-by">`,
    '  <files>',
    `    <file name="${escapeXml(name)}">`,
    `      <size>${size}</size>`,
    '      <verification>',
    ...fileHashes(file.digests).map(([algorithm, hex]) => `        <hash${typeOf(algorithm)}>${hex}</hash>`),
    ...piecesLines(file),
    '      </verification>',
    '      <resources>',
    ...urls.map(urlLine),
    '      </resources>',
    '    </file>',
    '  </files>',
    '</metalink>',
    '',
  ].join('\n')
}

function piecesLines({ pieces, pieceAlgorithm }: MetalinkFile): readonly string[] {
  if (pieces === undefined) return []
  return [
    `        <pieces length="${pieces.length}"${typeOf(pieceAlgorithm)}>`,
    ...pieceHashes(pieces, pieceAlgorithm).map(
      (hash, index) => `          <hash piece="${index}">${hash}</hash>`,
    ),
    '        </pieces>',
  ]
}

/** @param index rank of the URL, from 0 */
function urlLine({ url, location }: MetalinkFile['urls'][number], index: number): string {
  const protocol = escapeXml(url.slice(0, url.indexOf(':')))
  const country = location === undefined ? '' : ` location="${escapeXml(location)}"`
  const preference = Math.max(1, MAX_PREFERENCE - index)
  return `        <url protocol="${protocol}" type="${protocol}"${country} preference="${preference}">${escapeXml(url)}</url>`
}

function typeOf(algorithm: Algorithm): string {
  return ` type="${HASH_TYPES[algorithm] ?? algorithm}"`
}

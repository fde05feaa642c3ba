import { fileHashes, isLibzypp, type MetalinkFile, metalinkFile, pieceHashes } from './metalink.js'
import type { Representation } from './representation.js'
import { escapeXml, isXmlText } from './xml.js'

/** Metalink 4 (RFC 5854). */
export const metalink4 = {
  name: 'meta4',
  suffix: '.meta4',
  type: 'application/metalink4+xml',
  negotiable: true,
  advertised: true,
  needs: ['mirrors', 'pieces', 'url'],
  vary: ['User-Agent'],
  available: ({ path }) => isXmlText(path),
  render: (input) => writeMetalink4(metalinkFile(input)),
  // libzypp lists the type beside everything else, as aria2 does, but takes the document.
  winsTie: (header) => isLibzypp(header('user-agent')),
} as const satisfies Representation

/**
 * Returns a Metalink 4 document of one file: size, hashes, one `pieces`, then the URLs. Their
 * priorities ascend in document order, which is all that wget2 reads. Hash types are those of
 * IANA's "Hash Function Textual Names".
 */
export function writeMetalink4(file: MetalinkFile): string {
  const hashes = fileHashes(file.digests).map(([type, hex]) => `    <hash type="${type}">${hex}</hash>`)
  const urls = file.urls.map(({ url, location }, index) => {
    const country = location === undefined ? '' : ` location="${escapeXml(location)}"`
    return `    <url${country} priority="${index + 1}">${escapeXml(url)}</url>`
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

function piecesLines({ pieces, pieceAlgorithm }: MetalinkFile): readonly string[] {
  if (pieces === undefined) return []
  return [
    `    <pieces length="${pieces.length}" type="${pieceAlgorithm}">`,
    ...pieceHashes(pieces, pieceAlgorithm).map((hash) => `      <hash>${hash}</hash>`),
    '    </pieces>',
  ]
}

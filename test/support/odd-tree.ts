import { mkdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { walk } from '../../lib/indexing/repository/walk.js'
import { createPathFilter } from '../../lib/paths.js'

/** Names that a server, a listing format or a URL could get wrong. */
const ODD_NAMES = [
  'two words',
  ' leading space',
  'trailing space ',
  'a&b',
  'a&amp;b',
  'a%41b',
  '100%',
  'quo"te',
  "apo'strophe",
  'hash#tag',
  'question?mark',
  'colon:in it',
  'semi;colon=1',
  'plus+sign',
  'comma,comma',
  '<angle>',
  '[square]',
  '{curly}',
  '~tilde',
  '-dash',
  'arrow -> arrow',
  'ünïcödé',
  '日本語.iso',
  '🗄️.img',
  '2024-02-03 04:05 1.2K',
  'UPPER.TXT',
  `${'long'.repeat(50)}.bin`,
]
/** Sizes around the limits at which servers change their rounding. */
const SIZES = [
  0,
  1,
  99,
  100,
  972,
  973,
  1023,
  1024,
  9999,
  10_000,
  1_048_575,
  1_048_576,
  123_456_789,
  5 * 1024 ** 3,
]
/** Seconds since 1970: summer and winter, before and after midnight, a leap day. */
const TIMES = [1_582_934_399, 1_583_020_800, 1_720_000_059, 1_735_689_600, 1_700_000_000]

export interface TreeChoices {
  /** Additional names. */
  readonly also?: readonly string[]
  /** Names that are used for files but not for folders, because the server refuses such folders. */
  readonly noFolders?: readonly string[]
}

/**
 * Writes files with odd names, with sizes beyond 4 GiB that take no disk space, and with various
 * times.
 */
export function writeOddTree(root: string, choices: TreeChoices = {}): void {
  const { also = [], noFolders = [] } = choices
  const names = [...ODD_NAMES, ...also]
  const paths = [
    ...names,
    ...names.filter((name) => !noFolders.includes(name)).map((name) => `odd folders/${name}/file`),
    ...SIZES.map((size) => `sizes/${size}`),
    'a/b/c/d/e/deep',
    '.hidden/file',
    '.hidden file',
    'download.part',
  ]
  for (const [index, path] of paths.entries()) {
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, '')
    truncateSync(file, path.startsWith('sizes/') ? Number(path.slice(6)) : index)
    const time = TIMES[index % TIMES.length] ?? 0
    utimesSync(file, time, time)
  }
  mkdirSync(join(root, 'empty folder'))
}

export interface DiskFile {
  readonly size: number
  readonly mtimeMs: number
}

/** Returns every file of a repository, as the index has it. */
export function filesOnDisk(root: string): Map<string, DiskFile> {
  const found = new Map<string, DiskFile>()
  for (const { files } of walk(root, '', createPathFilter([])))
    for (const { path, identity } of files)
      found.set(path, { size: Number(identity.size), mtimeMs: Number(identity.mtimeNs / 1_000_000n) })
  return found
}

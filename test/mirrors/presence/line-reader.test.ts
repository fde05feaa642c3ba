import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseListLine, parseMlsdLine } from '../../../lib/mirrors/presence/listings/ftp-lines.js'
import { LineReader } from '../../../lib/mirrors/presence/listings/line-reader.js'
import type { TimeUnit } from '../../../lib/mirrors/presence/listings/listing.js'
import { parseRsyncLine } from '../../../lib/mirrors/presence/listings/rsync-line.js'
import { inParts, parts } from './parts.js'

describe('lines', () => {
  test('are the same in whatever parts they come', () => {
    const text = fc
      .array(fc.constantFrom('a', 'bc', '\n', '\r\n', '\r'), { maxLength: 30 })
      .map((bits) => bits.join(''))
    fc.assert(
      fc.property(text, parts, (whole, lengths) => {
        const lines = new LineReader(1000)
        const result = inParts(whole, lengths).flatMap((part) => [...lines.feed(part)])
        const expected = whole.split('\n')
        const last = expected.pop()
        assert.deepEqual(
          result,
          expected.map((line) => line.replace(/\r$/, '')),
        )
        assert.equal(lines.endsWithinLine, last !== '')
      }),
    )
  })

  test('that are too long are left out, and counted', () => {
    const lines = new LineReader(3)
    const result = ['ab\nabc', 'd', 'efg\n', 'abc\n', 'abcd'].flatMap((part) => [...lines.feed(part)])
    assert.deepEqual(result, ['ab', 'abc'])
    assert.equal(lines.skippedLines, 2)
    assert.equal(lines.endsWithinLine, true)
  })
})

const TIME = Date.UTC(2024, 1, 3, 4, 5, 6)

describe('a line of rsync', () => {
  const at = '2024/02/03 04:05:06'
  const table: readonly (readonly [
    line: string,
    kind: string,
    path: string | undefined,
    size: number,
    target?: string,
  ])[] = [
    [`-rw-r--r--           1 ${at} plain`, 'file', 'plain', 1],
    [`-rw-r--r--   5,368,709,120 ${at} sub/big`, 'file', 'sub/big', 5_368_709_120],
    [`-rw-r--r--           1 ${at}   two leading`, 'file', '  two leading', 1],
    [`-rwxr-xr-x           1 ${at} trailing `, 'file', 'trailing ', 1],
    [`-rwsr-sr-t           1 ${at} a -> b`, 'file', 'a -> b', 1],
    [`-rw-r--r--           1 ${at} \\#303\\#274\\#012`, 'file', 'ü\n', 1],
    [`-rw-r--r--           1 ${at} a\\b\\#134#303\\#1`, 'file', 'a\\b\\#303\\#1', 1],
    [`-rw-r--r--           1 ${at} bad\\#377`, 'file', undefined, 1],
    [`drwxr-xr-x        4096 ${at} .`, 'folder', '.', 4096],
    [`prw-r--r--           0 ${at} pipe`, 'other', 'pipe', 0],
    [`lrwxrwxrwx           2 ${at} link -> ab`, 'link', 'link', 2, 'ab'],
    [`lrwxrwxrwx           2 ${at} li -> nk -> ab`, 'link', 'li -> nk', 2, 'ab'],
    [`lrwxrwxrwx           8 ${at} link -> ab -> cd`, 'link', 'link', 8, 'ab -> cd'],
    [`lrwxrwxrwx           2 ${at} link -> \\#303\\#274`, 'link', 'link', 2, 'ü'],
    [`lrwxrwxrwx           9 ${at} untold`, 'link', 'untold', 9],
  ]
  for (const [line, kind, path, size, target] of table) {
    test(JSON.stringify(line), () => {
      assert.deepEqual(parseRsyncLine(line), { kind, path, target, size, mtime: TIME })
    })
  }

  test('is none where it only looks like one', () => {
    for (const line of [
      '',
      'Welcome to our mirror',
      '-rw-r--r-- is a mode',
      `-rw-r--r-- 1 2024/02/03 04:05 name`,
      `-rw-r--r-- x ${at} name`,
      `-rw-r--r-- 1 ${at} `,
      `-rw-r--r-- 99999999999999999999 ${at} name`,
      `rsync: [sender] opendir "x" failed`,
    ])
      assert.equal(parseRsyncLine(line), undefined, line)
  })

  test('may have a time that cannot be, and is then without', () => {
    assert.equal(parseRsyncLine('-rw-r--r-- 1 2024/02/31 04:05:06 name')?.mtime, undefined)
  })

  test('gives every name back that rsync escapes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => name !== '.'),
        (name) => {
          assert.equal(parseRsyncLine(`-rw-r--r-- 1 ${at} ${rsyncEscape(name)}`)?.path, name)
        },
      ),
      { numRuns: 1000 },
    )
  })
})

/** As rsync writes it in the locale `C`. */
function rsyncEscape(name: string): string {
  const octal = (byte: number): string => `\\#${byte.toString(8).padStart(3, '0')}`
  return [...Buffer.from(name)]
    .map((byte, index, bytes) => {
      const next = Buffer.from(bytes.slice(index + 1, index + 5)).toString('latin1')
      if (byte === 0x5c && /^#\d{3}/.test(next)) return octal(byte)
      return (byte >= 0x20 && byte < 0x7f) || byte === 9 ? String.fromCharCode(byte) : octal(byte)
    })
    .join('')
}

describe('a line of MLSD', () => {
  const table: readonly (readonly [
    line: string,
    kind: string,
    name: string,
    size?: number,
    target?: string,
  ])[] = [
    ['type=file;size=5;modify=20240203040506; name', 'file', 'name', 5],
    [
      'Type=File;Size=5368709120;Modify=20240203040506.123;  two words ',
      'file',
      ' two words ',
      5_368_709_120,
    ],
    ['type=dir;sizd=4096;modify=20240203040506;unix.mode=0755; folder', 'folder', 'folder'],
    ['size=5;modify=20240203040506;type=file;UNIX.mode=0644; a=b;c', 'file', 'a=b;c', 5],
  ]
  for (const [line, kind, name, size] of table) {
    test(JSON.stringify(line), () => {
      const listed = { size, sizePrecision: 0, mtime: TIME, mtimePrecision: 'second' }
      assert.deepEqual(parseMlsdLine(line), { kind, name, target: undefined, listed })
    })
  }

  test('may be that of a link', () => {
    const target = (type: string): unknown => {
      const entry = parseMlsdLine(`type=${type};size=5; name`)
      return entry === 'nothing' || entry === undefined
        ? entry
        : [entry.kind, entry.target, entry.listed.size]
    }
    assert.deepEqual(target('OS.unix=slink:/repo/x'), ['link', '/repo/x', undefined])
    assert.deepEqual(target('OS.unix=symlink'), ['link', undefined, undefined])
    assert.deepEqual(target('OS.unix=chr-13/29'), ['other', undefined, undefined])
  })

  test('may be that of the folder itself', () => {
    assert.equal(parseMlsdLine('type=cdir; /repo'), 'nothing')
    assert.equal(parseMlsdLine('type=pdir; ..'), 'nothing')
  })

  test('may lack a size or a time', () => {
    for (const facts of [
      'type=file;',
      'type=file;size=-1;modify=2024;',
      'type=file;size=x;modify=20241303040506;',
    ]) {
      const entry = parseMlsdLine(`${facts} name`)
      assert.ok(entry !== undefined && entry !== 'nothing')
      assert.deepEqual([entry.listed.size, entry.listed.mtime], [undefined, undefined])
    }
  })

  test('is none without facts', () => {
    for (const line of ['', 'name', ' name', 'size=5; name', 'drwxr-xr-x 1 a b 5 Feb 3 04:05 x'])
      assert.equal(parseMlsdLine(line), undefined, line)
  })
})

describe('a line of LIST', () => {
  const now = Date.UTC(2024, 2, 1)
  const minute = Date.UTC(2024, 1, 3, 4, 5)
  const day = Date.UTC(2020, 1, 3)
  const table: readonly (readonly [
    string,
    string,
    string,
    number | undefined,
    number | undefined,
    TimeUnit,
    string?,
  ])[] = [
    ['-rw-r--r--   1 ftp ftp    5 Feb 03 04:05 name', 'file', 'name', 5, minute, 'minute'],
    ['-rw-r--r--   1 ftp ftp    5 Feb  3 04:05  name ', 'file', ' name ', 5, minute, 'minute'],
    ['-rw-r--r--   1 ftp ftp    5368709120 Feb  3  2020 name', 'file', 'name', 5_368_709_120, day, 'day'],
    ['-rw-r--r--   1 1001 1001  5 Feb  3  2020 5 Feb  3  2020 x', 'file', '5 Feb  3  2020 x', 5, day, 'day'],
    ['-rw-r--r--   1 no group 7 5 Feb  3  2020 x', 'file', 'x', 5, day, 'day'],
    ['-rw-r--r--+  1 ftp   5 2024-02-03 04:05 name', 'file', 'name', 5, minute, 'minute'],
    [
      'drwxr-xr-x   2 ftp ftp 4096 Mar 01 23:00 folder',
      'folder',
      'folder',
      4096,
      Date.UTC(2024, 2, 1, 23),
      'minute',
    ],
    [
      '-rw-r--r--   1 ftp ftp 5 Mar 03 04:05 last year',
      'file',
      'last year',
      5,
      Date.UTC(2023, 2, 3, 4, 5),
      'minute',
    ],
    ['-rw-r--r--   1 ftp ftp 5 Feb 29 04:05 leap', 'file', 'leap', 5, Date.UTC(2024, 1, 29, 4, 5), 'minute'],
    ['lrwxrwxrwx   1 ftp ftp 5 Feb 03 04:05 a -> b/c', 'link', 'a', undefined, undefined, 'second', 'b/c'],
    ['prw-r--r--   1 ftp ftp 5 Feb 03 04:05 pipe', 'other', 'pipe', 5, minute, 'minute'],
    ['02-03-24  04:05AM       <DIR>          a folder', 'folder', 'a folder', undefined, minute, 'minute'],
    ['02-03-2024  04:05PM            123 file', 'file', 'file', 123, minute + 12 * 3_600_000, 'minute'],
    ['02-03-24  12:05AM            123 file', 'file', 'file', 123, minute - 4 * 3_600_000, 'minute'],
  ]
  for (const [line, kind, name, size, mtime, mtimePrecision, target] of table) {
    test(JSON.stringify(line), () => {
      const listed = { size, sizePrecision: 0, mtime, mtimePrecision }
      assert.deepEqual(parseListLine(line, now), { kind, name, target, listed })
    })
  }

  test('may be a sum', () => {
    assert.equal(parseListLine('total 123', now), 'nothing')
  })

  test('is none where it only looks like one', () => {
    for (const line of [
      '',
      'name',
      '-rw-r--r-- 1 ftp ftp x Feb 03 04:05 name',
      '+i8388621.48594,m825718503,r,s280,\tname',
    ])
      assert.equal(parseListLine(line, now), undefined, line)
  })
})

describe('lines of anything', () => {
  const bits = fc.constantFrom(
    ...[
      '-rw-r--r--',
      'lrwxrwxrwx',
      ' ',
      '1',
      '99999999999999999',
      'Feb',
      '31',
      '2024',
      '04:05',
      '2024/02/03 04:05:06',
    ],
    ...[
      ' -> ',
      '\\#377',
      'type=file;',
      'size=',
      'modify=99999999999999;',
      '02-03-24',
      '<DIR>',
      '\0',
      '..',
      '/',
    ],
  )
  const line = fc.array(fc.oneof(bits, fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 20 })

  test('never throw', () => {
    fc.assert(
      fc.property(line, (some) => {
        parseRsyncLine(some.join(''))
        parseMlsdLine(some.join(''))
        parseListLine(some.join(''), 0)
      }),
      { numRuns: 5000 },
    )
  })

  for (const unit of [' ', '1 ', ' 1 Jan', 'a=b;', '-> ', '\\#303', '-rw-r--r-- 1 ', 'Jan 1 ']) {
    test(`take well under a second for 5 MB of ${JSON.stringify(unit)} in the longest of lines`, () => {
      const longest = unit.repeat(40_000 / unit.length)
      const lines = [
        `-rw-r--r-- ${longest}`,
        `lrwxrwxrwx 5 2024/02/03 04:05:06 ${longest}`,
        longest,
        `type=file; ${longest}`,
      ]
      const start = process.cpuUsage()
      for (let read = 0; read < 5_000_000; ) {
        for (const text of lines) {
          parseRsyncLine(text)
          parseMlsdLine(text)
          parseListLine(text, 0)
          read += text.length
        }
      }
      const { user, system } = process.cpuUsage(start)
      assert.ok(user + system < 1_500_000, `${(user + system) / 1000} ms`)
    })
  }
})

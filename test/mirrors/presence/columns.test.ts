import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseColumns, parseSize } from '../../../lib/mirrors/presence/listings/columns.js'

const K = 1024
const SIZES: readonly (readonly [text: string, size: number | undefined, precision?: number])[] = [
  ['0', 0, 0],
  ['5368709120', 5_368_709_120, 0],
  ['972 ', 972, 0],
  ['7 B', 7, 0],
  ['0.0K', 0, 103],
  ['1.0K', K, 103],
  ['12K', 12 * K, K],
  ['1.2M', 1_258_291, 104_858],
  ['4.7G', 5_046_586_573, 107_374_183],
  ['34 MiB', 34 * K * K, K * K],
  // 1.5 times 1000, or times 1024.
  ['1.5 kB', 1519, 120],
  ['-', undefined],
  ['', undefined],
  ['abc', undefined],
  ['12abc', undefined],
  ['1.5', undefined],
  ['99999999999999999999', undefined],
  ['9999999E', undefined],
]

for (const [text, size, precision] of SIZES) {
  test(`${JSON.stringify(text)} is ${size} bytes`, () => {
    assert.deepEqual(parseSize(text), size === undefined ? undefined : { size, sizePrecision: precision })
  })
}

/** The rounding of servers, from their sources. */
const ROUNDINGS: Readonly<Record<string, (size: number) => string>> = {
  nginx: (size) => {
    for (const [unit, letter] of [
      [K ** 3, 'G'],
      [K ** 2, 'M'],
    ] as const)
      if (size > unit - 1) return `${Math.floor(size / unit) + (size % unit > unit / 2 - 1 ? 1 : 0)}${letter}`
    return size > 9999 ? `${Math.floor(size / K) + (size % K > 511 ? 1 : 0)}K` : String(size)
  },
  Apache: (size) => {
    if (size < 973) return String(size)
    let value = size
    for (const letter of 'KMGTPE') {
      const rest = value % K
      value = Math.floor(value / K)
      if (value >= 973) continue
      if (value > 9 || (value === 9 && rest >= 973)) return `${value + (rest >= 512 ? 1 : 0)}${letter}`
      const tenths = Math.floor((rest * 5 + 256) / 512)
      return tenths >= 10 ? `${value + 1}.0${letter}` : `${value}.${tenths}${letter}`
    }
    return '****'
  },
  lighttpd: (size) => {
    let value = size < 100 ? size + 99 : size
    for (const letter of 'KMGTPE') {
      const rest = Math.floor((value % K) / 100)
      value = Math.floor(value / K)
      if (value < K) return rest > 9 ? `${value + 1}.0${letter}` : `${value}.${rest}${letter}`
    }
    return ''
  },
}

for (const [server, round] of Object.entries(ROUNDINGS)) {
  test(`what ${server} makes of a size is never further off than it may be`, () => {
    const anySize = fc.oneof(
      fc.nat(3000),
      fc.nat(2 ** 31 - 1),
      fc.maxSafeNat().map((n) => n % 2 ** 50),
    )
    fc.assert(
      fc.property(anySize, (size) => {
        const listed = parseSize(round(size))
        assert.ok(listed?.size !== undefined, round(size))
        assert.ok(
          Math.abs(listed.size - size) <= listed.sizePrecision,
          `${size}, as ${round(size)}, is not ${listed.size} ± ${listed.sizePrecision}`,
        )
      }),
      { numRuns: 20_000 },
    )
  })
}

const MINUTE = Date.UTC(2020, 1, 3, 4, 5)
const COLUMNS: readonly (readonly [
  text: string,
  size?: number | undefined,
  mtime?: number,
  precision?: string,
])[] = [
  ['   03-Feb-2020 04:05       123\r\n', 123, MINUTE, 'minute'],
  ['   2020-02-03 04:05  1.0K  about 2021-01-01 00:00', K, MINUTE, 'minute'],
  ['\t2020-Feb-03 04:05:06\t-  \tDirectory', undefined, MINUTE + 6000, 'second'],
  ['\t1.0K\t2020-02-03 04:05', K, MINUTE, 'minute'],
  ['\t 12 things \t2020-02-03 04:05', undefined, MINUTE, 'minute'],
  ['\t12\t', 12],
  [' 12 things'],
  [' 2020-02-30 04:05 12 things'],
  [' 2020-13-03 04:05'],
  [' 2020-02-03 24:05'],
  [' 99-Foo-2020 04:05'],
  [' 12020-02-03 04:05'],
  [''],
]

for (const [text, size, mtime, precision = 'second'] of COLUMNS) {
  test(`columns ${JSON.stringify(text)}`, () => {
    const listed = parseColumns(text)
    assert.deepEqual([listed.size, listed.mtime, listed.mtimePrecision], [size, mtime, precision])
  })
}

test('columns of anything never throw', () => {
  const bits = fc.constantFrom(
    '2020-02-03',
    '04:05',
    ':06',
    '03-Feb-2020',
    '1.2',
    'K',
    '9'.repeat(20),
    ' ',
    '\t',
    '-',
  )
  const text = fc.array(fc.oneof(bits, fc.string({ maxLength: 3 })), { maxLength: 20 })
  fc.assert(
    fc.property(text, (some) => {
      const { size, sizePrecision, mtime } = parseColumns(some.join(''))
      for (const number of [size, sizePrecision, mtime])
        assert.ok(number === undefined || Number.isSafeInteger(number))
      assert.ok(sizePrecision >= 0)
    }),
    { numRuns: 3000 },
  )
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type ForwardedElement, parseForwarded } from '../../lib/fields/forwarded.js'

const PARSED: readonly (readonly [value: string, elements: readonly ForwardedElement[]])[] = [
  // Examples of RFC 7239 §4.
  ['for="_gazonk"', [{ for: '_gazonk' }]],
  ['For="[2001:db8:cafe::17]:4711"', [{ for: '[2001:db8:cafe::17]:4711' }]],
  ['for=192.0.2.60;proto=http;by=203.0.113.43', [{ for: '192.0.2.60', proto: 'http' }]],
  ['for=192.0.2.43, for=198.51.100.17', [{ for: '192.0.2.43' }, { for: '198.51.100.17' }]],
  ['for=_hidden, for=_SEVKISEK', [{ for: '_hidden' }, { for: '_SEVKISEK' }]],
  ['', []],
  [' \t', []],
  [',;, ;', []],
  [' for=a ; proto=b , host=c ', [{ for: 'a', proto: 'b' }, { host: 'c' }]],
  ['host="a\\"b\\\\c"', [{ host: 'a"b\\c' }]],
  ['host="a,b;c"', [{ host: 'a,b;c' }]],
  ['for=192.0.2.43:80', [{ for: '192.0.2.43:80' }]],
  ['for=[2001:db8::1]', [{ for: '[2001:db8::1]' }]],
  ['secret=x', [{}]],
  ['host=""', [{ host: '' }]],
]

for (const [value, elements] of PARSED) {
  test(`Forwarded: ${value}`, () => assert.deepEqual(parseForwarded(value), elements))
}

for (const value of [
  'x',
  'for',
  'for=',
  'for="a',
  'for="a"b',
  'for=a b',
  '=a',
  'for =a',
  'for=a;for=b',
  'fo r=a',
]) {
  test(`Forwarded: ${JSON.stringify(value)} is malformed`, () =>
    assert.equal(parseForwarded(value), undefined))
}

describe('Forwarded', () => {
  const text = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    maxLength: 12,
  })
  const element = fc.record(
    { for: text, host: text, proto: text },
    { requiredKeys: [], noNullPrototype: true },
  )
  const space = fc.constantFrom('', ' ', '\t ')

  test('every list comes back from its text', () => {
    const quote = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`
    fc.assert(
      fc.property(fc.array(element, { maxLength: 4 }), space, space, (elements, before, after) => {
        const written = elements
          .map((one) =>
            Object.entries(one)
              .map(([name, value]) => `${name}=${quote(value)}`)
              .join(`${before};${after}`),
          )
          .join(`${before},${after}`)
        const present = elements.filter((one) => Object.keys(one).length > 0)
        assert.deepEqual(parseForwarded(written), present)
      }),
    )
  })

  test('no value fails, or takes long', () => {
    const piece = fc.constantFrom(' ', '\t', ',', ';', '=', '"', '\\', 'for', 'a', ':', '[', 'ü')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        parseForwarded(pieces.join(''))
      }),
    )
    const started = performance.now()
    for (const unit of [' ', ',', ';', 'a', '"', '\\', '\\"', 'a=b;', 'a= ', 'a="', 'a=b '])
      parseForwarded(unit.repeat(16_384 / unit.length))
    for (const unit of [' ', '\\', 'a']) parseForwarded(`for="${unit.repeat(16_000)}`)
    assert.ok(performance.now() - started < 1000)
  })
})

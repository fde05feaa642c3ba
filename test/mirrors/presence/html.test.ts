import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { attribute, HtmlReader, resolveReferences } from '../../../lib/mirrors/presence/listings/html.js'
import { inParts, parts } from './parts.js'

/** Returns what a reader reports of text that comes in parts. Neighbouring texts are joined. */
function read(text: readonly string[]): string[] {
  const reported: string[] = []
  let last = ''
  const say = (kind: string, what: string): void => {
    if (kind === 'text' && last === 'text') reported[reported.length - 1] += what
    else reported.push(`${kind} ${what}`)
    last = kind
  }
  const reader = new HtmlReader({
    text: (part) => say('text', part),
    open: (name, attributes) => say('open', name + attributes),
    close: (name) => say('close', name),
  })
  for (const part of text) reader.feed(part)
  return reported
}

describe('the HTML reader', () => {
  test('tells tags and text', () => {
    assert.deepEqual(read(['<!DOCTYPE html><P class=x>a<br/> &lt; b</p >end']), [
      'open p class=x',
      'text a',
      'open br/',
      'text  &lt; b',
      'close p',
      'text end',
    ])
  })

  test('knows that a tag does not end within quotes', () => {
    assert.deepEqual(read(['<a href="a>b" title=\'c>d\'>x</a>']), [
      'open a href="a>b" title=\'c>d\'',
      'text x',
      'close a',
    ])
  })

  test('passes over comments, scripts and styles', () => {
    const page =
      '<!-- <a href="1"> --><script>if (a < b) "<a href=2>"</Script><style>a > b {}</style><!----><b>'
    assert.deepEqual(read([page]), ['open script', 'close script', 'open style', 'close style', 'open b'])
  })

  test('says the same in whatever parts a page comes', () => {
    const bits = fc.constantFrom(
      '<',
      '>',
      '</',
      'a',
      ' href=',
      '"',
      "'",
      '<!--',
      '-->',
      '--',
      '!',
      '-',
      '<script>',
      '</script',
      '/',
      '=',
      ' ',
      'b',
      '\n',
    )
    const text = fc.array(bits, { maxLength: 60 }).map((some) => some.join(''))
    fc.assert(
      fc.property(text, parts, (page, lengths) => {
        assert.deepEqual(read(inParts(page, lengths)), read([page]))
      }),
      { numRuns: 2000 },
    )
  })

  for (const [what, unit] of Object.entries({
    'beginnings of tags': '<a ',
    'quotes that stay open': '<a href="',
    'quotes of both kinds': `<a b="'`,
    'beginnings of comments': '<!--',
    'ends of comments that are none': '<!--->--',
    'beginnings of scripts': '<script>',
    'ends of scripts that are none': '<script></scrip',
    letters: 'x',
    tags: '<i>',
    'spaces in a tag': ' ',
    references: '&amp',
  })) {
    test(`takes well under a second for 5 MB of ${what}`, () => {
      const page = `<a href="x" ${unit.repeat(Math.ceil(5_000_000 / unit.length))}`
      const start = process.cpuUsage()
      const reader = new HtmlReader({
        text: (text) => resolveReferences(text),
        open: (_, attributes) => attribute(attributes, 'href'),
        close: () => {},
      })
      for (let at = 0; at < page.length; at += 65_536) reader.feed(page.slice(at, at + 65_536))
      const { user, system } = process.cpuUsage(start)
      assert.ok(user + system < 1_000_000, `${(user + system) / 1000} ms`)
    })
  }
})

describe('an attribute', () => {
  test('is found however it is written', () => {
    assert.equal(attribute(' href="a&amp;b"', 'href'), 'a&b')
    assert.equal(attribute(" class=x HREF = 'a b'", 'href'), 'a b')
    assert.equal(attribute(' href=a/b', 'href'), 'a/b')
    assert.equal(attribute(' xlink:href="#x" data-href=y', 'href'), undefined)
    assert.equal(attribute(' href', 'href'), '')
  })

  test('takes well under a second in 64 KiB of anything', () => {
    for (const unit of [' ', '=', 'a=', 'a="', "a='", 'a= ', 'a', '"', 'a ="']) {
      const start = process.cpuUsage()
      attribute(unit.repeat(65_536 / unit.length), 'href')
      const { user, system } = process.cpuUsage(start)
      assert.ok(user + system < 500_000, `${JSON.stringify(unit)}: ${(user + system) / 1000} ms`)
    }
  })
})

test('references become characters, where they are any', () => {
  assert.equal(resolveReferences('&lt;&#x26;&#38;&apos;&nbsp;&AMP;'), "<&&' &")
  assert.equal(
    resolveReferences('&nothing; &#; &#x110000; &#99999999; &'),
    '&nothing; &#; \ufffd &#99999999; &',
  )
})

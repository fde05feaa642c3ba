import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  counted,
  escapeUnprintable,
  plainText,
  quote,
  replaceUnprintable,
  withoutCredentials,
} from '../lib/message-text.js'

test('what is printed is one line that a terminal does not obey', () => {
  assert.equal(
    escapeUnprintable('a\u001b[2J\nb\u202e\u2028\u0085\ud800é😀'),
    'a\\u{1b}[2J\\u{a}b\\u{202e}\\u{2028}\\u{85}\\u{d800}é😀',
  )
  assert.equal(escapeUnprintable('abcdef', 3), 'abc…')
  assert.equal(plainText(' Example\u0000\tHosting \u202e & more\n'), 'Example Hosting & more')
})

test('credentials are hidden wherever they stand', () => {
  assert.equal(
    withoutCredentials('"http://user:secret@a.example/x@y" and //key@b.example'),
    '"http://…@a.example/x@y" and //…@b.example',
  )
  assert.equal(withoutCredentials('https://a.example/@/b@c'), 'https://a.example/@/b@c')
})

test('what is printed keeps its length where characters are replaced', () => {
  assert.equal(replaceUnprintable('a\u001b[2J\nb\u202e\ud800é😀'), 'a\ufffd[2J\ufffdb\ufffd\ufffdé😀')
  assert.equal(quote('a\tb'), '"a\ufffdb"')
  assert.equal(quote('a'.repeat(201)), `"${'a'.repeat(200)}…"`)
})

test('a number agrees with its noun', () => {
  assert.equal(counted(1, 'entry', 'entries'), '1 entry')
  assert.equal(counted(0, 'mirror'), '0 mirrors')
})

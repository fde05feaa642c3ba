import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durationText, ProgressBar } from '../../lib/cli/progress-bar.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'

test('a duration has one or two units', () => {
  for (const [seconds, text] of [
    [0, '0s'],
    [0.2, '1s'],
    [59, '59s'],
    [60, '1m00s'],
    [69, '1m09s'],
    [3599.5, '1h00m'],
    [7500, '2h05m'],
    [Number.POSITIVE_INFINITY, '?'],
    [Number.NaN, '?'],
  ] as const)
    assert.equal(durationText(seconds), text)
})

test('a bar is drawn over itself, and shows the end', (context) => {
  const root = temporaryFolder(context)
  writeFiles(root, { a: 'x'.repeat(1024), b: 'x'.repeat(1024), 'c.log': 'x' })
  const counts = (files: number) => ({ files, bytes: files * 1024 })
  let pending = 2
  const progress = () => ({ seen: counts(2), pending: counts(pending), hashed: counts(0) })
  let written = ''
  const stream = {
    write: (text: string) => {
      written += text
    },
  }
  const bar = new ProgressBar(root, ['*.log'], stream, progress)
  pending = 0
  bar.stop(true)
  const drawn = written.split('\r')
  assert.equal(drawn[1], `${'░'.repeat(24)} 0 % | 0 B of 2 KiB | 0/2 files | 0 B/s | ? left\u001b[K`)
  assert.match(drawn.at(-1) ?? '', /^█{24} 100 % \| 2 KiB of 2 KiB \| 2\/2 files \| 0 B\/s \| 0s left/)
  assert.ok(drawn.at(-1)?.endsWith('\n'))
})

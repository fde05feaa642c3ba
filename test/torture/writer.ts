/**
 * Replaces files of a repository at random until its standard input ends. Files with even numbers
 * are replaced by rename only; those with odd numbers by rename or in place. All have one size, and
 * often one mtime.
 *
 * Each content is entered in the journal before its first byte is written, so the journal has every
 * content that a file ever has at rest.
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  openSync,
  renameSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const [root = '', journal = '', number = '0', count = '0', size = '0', first = '0', step = '1'] =
  process.argv.slice(2)
const LENGTH = Number(size)
const SECOND = 1_700_000_000

let stopped = false
process.stdin.resume()
process.stdin.on('end', () => {
  stopped = true
})

function enter(file: string, content: Buffer): void {
  appendFileSync(journal, `${file} ${createHash('sha256').update(content).digest('hex')}\n`)
}

function rename(file: string, content: Buffer): void {
  const temporary = join(root, `.new-${number}`)
  writeFileSync(temporary, content)
  // The same second for all files, as rsync's --times makes them.
  if (Math.random() < 0.7) utimesSync(temporary, SECOND, SECOND)
  renameSync(temporary, join(root, file))
}

function rewrite(file: string, content: Buffer): void {
  const descriptor = openSync(join(root, file), 'r+')
  for (let at = 0; at < LENGTH; at += LENGTH / 4) writeSync(descriptor, content, at, LENGTH / 4, at)
  closeSync(descriptor)
  if (Math.random() < 0.5) utimesSync(join(root, file), SECOND, SECOND)
}

// Each writer has its own files: two writers in one file would leave contents that neither wrote.
const own = Array.from({ length: Number(count) }, (_, index) => index).filter(
  (index) => index % Number(step) === Number(first),
)
while (!stopped) {
  const index = own[Math.floor(Math.random() * own.length)] ?? 0
  const file = `f${index}.bin`
  const content = randomBytes(LENGTH)
  enter(file, content)
  if (Math.floor(index / Number(step)) % 2 === 0 || Math.random() < 0.5) rename(file, content)
  else rewrite(file, content)
  // Some files rest for longer than the settling time, others hardly ever do.
  await sleep(Math.random() * 20)
}
process.exit(0)

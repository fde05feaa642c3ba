#!/usr/bin/env node
import { run } from './program.js'

const status = await run(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  progress: process.stderr,
})
// After a failure, do not wait for running work. After a success, `serve` continues.
if (status !== 0) process.exit(status)

#!/usr/bin/env node
import { run } from './program.js'

const status = await run(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  progress: process.stderr,
})
// Whoever serves goes on; whatever else is still under way is not waited for where something went wrong.
if (status !== 0) process.exit(status)

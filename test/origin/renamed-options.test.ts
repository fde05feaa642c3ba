import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { MirroredByError } from '../../lib/errors.js'
import { createOrigin } from '../../lib/index.js'
import { mirroredBy } from '../support/command.js'
import { temporaryFolder } from '../support/folder.js'

describe('a name that an option had before', () => {
  for (const [options, message] of [
    [{ home: 'de' }, 'home: is now called localPlace'],
    [{ measured: true }, 'measured: is now called adaptiveWeights'],
    [{ range: 2 }, 'range: is now called nearFactor'],
    [{ resolve: false }, 'resolve: is now called lookupHosts'],
    [{ states: 'states.sqlite' }, 'states: is now called mirrorStates'],
    [{ challenge: { again: '5m' } }, 'challenge.again: is now called recheckInterval'],
  ] as const) {
    test(`${Object.keys(options)}: is refused by createOrigin, with the new name`, async () => {
      await assert.rejects(
        createOrigin({ root: '.', ...(options as object) }),
        (error) =>
          error instanceof MirroredByError &&
          error.code === 'ERR_OPTIONS' &&
          error.message === `createOrigin: ${message}`,
      )
    })

    test(`${Object.keys(options)}: is refused in a configuration file, with its place`, async (t) => {
      const file = join(temporaryFolder(t), 'config.yaml')
      writeFileSync(file, JSON.stringify(options))
      const { status, stderr } = await mirroredBy(['index', '.', '--config', file])
      assert.equal(status, 2)
      assert.match(stderr, new RegExp(`config\\.yaml:1:\\d+: ${message}\n`))
    })
  }
})

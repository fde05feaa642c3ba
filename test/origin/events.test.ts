import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, test } from 'node:test'
import { MirroredByError } from '../../lib/errors.js'
import { EventOutbox, type OriginEvents } from '../../lib/origin-events.js'
import { run } from '../support/client.js'

function emitter(): EventEmitter<OriginEvents> {
  return new EventEmitter<OriginEvents>()
}

describe('events of the parts', () => {
  test('are delivered at once, in their order', () => {
    const outbox = new EventOutbox()
    const target = emitter()
    const received: unknown[] = []
    target.on('surveyed', (id) => received.push(id))
    target.on('changed', (paths) => received.push(paths))
    outbox.deliverTo(target)
    outbox.emit('surveyed', 'a')
    outbox.emit('changed', ['x', 'y'])
    outbox.emit('surveyed', 'b')
    assert.deepEqual(received, ['a', ['x', 'y'], 'b'])
  })

  test('are held until there is an origin, and then for a turn', async () => {
    const outbox = new EventOutbox()
    const target = emitter()
    const received: string[] = []
    outbox.emit('surveyed', 'a')
    outbox.emit('surveyed', 'b')
    outbox.deliverTo(target)
    await Promise.resolve()
    target.on('surveyed', (id) => received.push(id))
    assert.deepEqual(received, [])
    await new Promise(setImmediate)
    assert.deepEqual(received, ['a', 'b'])
  })

  test('do not stop the part that emits them, if a listener throws', async () => {
    const program = `
      import { EventEmitter } from 'node:events'
      import { EventOutbox } from ${JSON.stringify(new URL('../../lib/origin-events.js', import.meta.url).href)}
      const outbox = new EventOutbox()
      const target = new EventEmitter()
      target.on('surveyed', () => { throw new Error('of the listener') })
      process.on('uncaughtException', ({ message }) => console.log('uncaught', message))
      outbox.deliverTo(target)
      outbox.emit('surveyed', 'a')
      console.log('emitted')
    `
    const { status, stdout } = await run(process.execPath, ['--input-type=module', '--eval', program])
    assert.deepEqual({ status, stdout }, { status: 0, stdout: 'emitted\nuncaught of the listener\n' })
  })
})

describe('a warning', () => {
  const WARNING = new MirroredByError('ERR_SCAN', 'cannot scan')

  test('is an event of the origin, if that has a listener', () => {
    const outbox = new EventOutbox()
    const target = emitter()
    const received: MirroredByError[] = []
    target.on('warning', (warning) => received.push(warning))
    outbox.deliverTo(target)
    outbox.warn(WARNING)
    assert.deepEqual(received, [WARNING])
  })

  test('is a warning of the process otherwise', async () => {
    const outbox = new EventOutbox()
    outbox.deliverTo(emitter())
    const warned = once(process, 'warning')
    outbox.warn(WARNING)
    const [{ name, code, message }] = await warned
    assert.deepEqual(
      { name, code, message },
      { name: 'MirroredByWarning', code: 'ERR_SCAN', message: 'cannot scan' },
    )
  })
})

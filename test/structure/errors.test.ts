import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ERROR_CODES, errorMessage, isNotFound, MirroredByError, systemCode } from '../../lib/errors.js'

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))
const LIB = join(PROJECT, 'lib')
const documentation = readFileSync(join(PROJECT, 'docs', 'errors.md'), 'utf8')
const sources = readdirSync(LIB, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && file !== 'errors.ts')
  .map((file) => readFileSync(join(LIB, file), 'utf8'))

test('the documentation has a section for each code, in their order, and for no other', () => {
  const sections = [...documentation.matchAll(/^## (.*)$/gm)].map(([, title]) => title)
  assert.deepEqual(sections, [...ERROR_CODES])
})

test('each section says cause, what mirrored-by does, and remedy', () => {
  const [, ...sections] = documentation.split(/^## /m)
  assert.equal(sections.length, ERROR_CODES.length)
  for (const section of sections) {
    const headings = [...section.matchAll(/^\*\*(.*?):\*\* \S/gm)].map(([, heading]) => heading)
    assert.deepEqual(headings, ['Cause', 'What mirrored-by does', 'Remedy'], section.slice(0, 40))
  }
})

for (const code of ERROR_CODES) {
  test(`${code} is given somewhere`, () => {
    assert.ok(sources.some((source) => source.includes(`'${code}'`)))
  })
}

test('codes are each there once', () => {
  assert.equal(new Set(ERROR_CODES).size, ERROR_CODES.length)
})

test('an error has its code, its message and what caused it', () => {
  const cause = new Error('because')
  const error = new MirroredByError('ERR_STORE', 'it failed', cause)
  assert.ok(error instanceof Error)
  assert.deepEqual(
    [error.name, error.code, error.message, error.cause],
    ['MirroredByError', 'ERR_STORE', 'it failed', cause],
  )
  assert.equal('cause' in new MirroredByError('ERR_STORE', 'it failed'), false)
})

test('whatever is thrown is said in words', () => {
  assert.equal(errorMessage(new Error('because')), 'because')
  assert.equal(errorMessage('because'), 'because')
  assert.equal(errorMessage(undefined), 'undefined')
  assert.equal(systemCode(Object.assign(new Error('x'), { code: 'ENOENT' })), 'ENOENT')
  assert.equal(systemCode(Object.assign(new Error('x'), { code: 5 })), undefined)
  assert.equal(systemCode({ code: 'ENOENT' }), undefined)
  assert.equal(isNotFound(Object.assign(new Error('x'), { code: 'ENOTDIR' })), true)
  assert.equal(isNotFound(Object.assign(new Error('x'), { code: 'EACCES' })), false)
})

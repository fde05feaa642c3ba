import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MirroredByError } from '../../../lib/errors.js'
import { LIST_FORMATS, type ListFormat } from '../../../lib/mirrors/list/import/list-format.js'
import { requireFormat } from '../../../lib/mirrors/list/import/recognize.js'
import { CASES, listText } from './lists.js'

/** Formats that share a form: the exports of the others for mirmon are lists of mirmon. */
const LIKE_MIRMON = ['mirrorbits/export.txt', 'mirrorbrain/mirmon.txt', 'mirrorbrain/mirmon-apache.txt']

function refusal(format: ListFormat, text: string): string | undefined {
  try {
    requireFormat(format, { file: 'list', text })
  } catch (error) {
    assert.ok(error instanceof MirroredByError)
    assert.equal(error.code, 'ERR_IMPORT')
    return error.message
  }
  return undefined
}

const FILES = CASES.filter(({ list }) => !list.endsWith('.d')).map(({ list, format }) => ({
  list,
  format,
  text: listText(list),
}))

describe('a list', () => {
  for (const { list, format, text } of FILES)
    for (const named of LIST_FORMATS) {
      const isTaken =
        named === format ||
        (LIKE_MIRMON.includes(list) && ['mirmon', 'mirrorbits', 'mirrorbrain'].includes(named))
      test(`${list} is ${isTaken ? 'taken' : 'refused'} as one of ${named}`, () => {
        const message = refusal(named, text)
        if (isTaken) assert.equal(message, undefined)
        else
          assert.match(
            message ?? '',
            new RegExp(
              `^list looks like a list of .*${format}.*, and not of ${named}: import it by --from .*${format}`,
            ),
          )
      })
    }

  test('of mirmon with spaces is not one of MirrorBrain', () => {
    assert.equal(
      refusal('mirrorbrain', 'de http://a.example/repo/\nus https://b.example/repo/\n'),
      'list looks like a list of mirmon, and not of mirrorbrain: import it by --from mirmon',
    )
  })

  for (const [what, text] of [
    ['a web page', '<!DOCTYPE html>\n<html><body>404</body></html>\n'],
    ['a mirrors file already', 'mirrors:\n  - id: a\n    url: https://a.example/\n'],
  ] as const)
    test(`that is ${what} is refused`, () => {
      for (const format of LIST_FORMATS)
        assert.equal(refusal(format, text), `list is ${what}, and not a list of ${format}`)
    })

  test('of no known form is read as it is named', () => {
    for (const format of LIST_FORMATS)
      for (const text of ['', '# nothing\n', 'garbage\n', 'de nowhere\n'])
        assert.equal(refusal(format, text), undefined)
  })
})

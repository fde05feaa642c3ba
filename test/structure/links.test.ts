import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))
const documents = ['.', 'docs'].flatMap((folder) =>
  readdirSync(join(PROJECT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(PROJECT, folder, name)),
)

/** The text without code, which may look like a link. */
function proseOf(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '`')
}

/** The anchors of headings, as GitHub makes them. */
function anchorsOf(file: string): ReadonlySet<string> {
  const headings = readFileSync(file, 'utf8')
    .replace(/^```[\s\S]*?^```/gm, '')
    .matchAll(/^#+ (.*)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

function brokenLinks(file: string): string[] {
  return [...proseOf(readFileSync(file, 'utf8')).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^[a-z]+:/.test(link)) return []
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? file : join(dirname(file), path)
    const isBroken =
      !existsSync(target) ||
      (anchor !== undefined && !(target.endsWith('.md') && anchorsOf(target).has(anchor)))
    return isBroken ? [`${relative(PROJECT, file)}: ${link}`] : []
  })
}

test('documents have links', () => {
  const links = documents.flatMap((file) => [...proseOf(readFileSync(file, 'utf8')).matchAll(/\]\(/g)])
  assert.ok(documents.length > 8, `${documents.length} documents`)
  assert.ok(links.length > 50, `${links.length} links`)
})

test('every link to a file and a heading of this project resolves', () => {
  assert.deepEqual(documents.flatMap(brokenLinks), [])
})

test('every test that the documentation of reliability names exists', () => {
  const reliability = readFileSync(join(PROJECT, 'docs', 'reliability.md'), 'utf8')
  const rows = reliability.match(/^\| .* \|$/gm)?.filter((row) => /`\w+\//.test(row)) ?? []
  const names = rows.flatMap((row) => [...(row.split(' | ').at(-1) ?? '').matchAll(/`(\w[\w/-]*)`/g)])
  assert.ok(names.length > 40, `${names.length} names`)
  const missing = names
    .map(([, name]) => `test/${name}.test.ts`)
    .filter((file) => !existsSync(join(PROJECT, file)))
  assert.deepEqual(missing, [])
})

test('no row of a table is written twice', () => {
  for (const file of documents) {
    const rows = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => /^\| [^-]/.test(line) && line.length > 120)
    assert.deepEqual(
      rows.filter((row, index) => rows.indexOf(row) !== index),
      [],
      relative(PROJECT, file),
    )
  }
})

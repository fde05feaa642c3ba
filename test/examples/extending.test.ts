import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))
const DOCUMENTS = ['docs/extending.md', 'docs/mirrors.md']

/** The TypeScript of a document, each block a module of its own. */
function modulesOf(document: string): readonly string[] {
  const markdown = readFileSync(join(PROJECT, document), 'utf8')
  return [...markdown.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, source]) => `${source}\nexport {}\n`)
}

test('the TypeScript of the documentation compiles', (t) => {
  // Below the project, where `mirrored-by` is found as by its users.
  mkdirSync(join(PROJECT, 'dist'), { recursive: true })
  const folder = mkdtempSync(join(PROJECT, 'dist', 'documentation-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const sources = DOCUMENTS.flatMap(modulesOf)
  assert.ok(sources.length >= 5, `${sources.length} examples`)
  for (const [index, source] of sources.entries()) writeFileSync(join(folder, `example-${index}.ts`), source)
  const compilerOptions = {
    ...JSON.parse(readFileSync(join(PROJECT, 'tsconfig.json'), 'utf8')).compilerOptions,
    rootDir: folder,
    noEmit: true,
    noUnusedLocals: false,
    typeRoots: [join(PROJECT, 'node_modules', '@types')],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  const tsc = join(PROJECT, 'node_modules', '.bin', 'tsc')
  const { status, stdout } = spawnSync(tsc, ['-p', folder], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 0, stdout)
})

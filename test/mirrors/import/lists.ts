import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ListFormat } from '../../../lib/mirrors/list/import/list-format.js'

const HERE = fileURLToPath(new URL('../../../../test/mirrors/import/', import.meta.url))

/** Folder of the lists. Commands run there, so that messages do not depend on its path. */
export const LISTS = join(HERE, 'lists')

/** Lists, with the name of their expected results in `expected`. */
export const CASES: readonly {
  readonly name: string
  readonly format: ListFormat
  readonly list: string
  readonly flags?: readonly string[]
}[] = [
  { name: 'almalinux-folder', format: 'almalinux', list: 'almalinux/mirrors.d' },
  { name: 'almalinux-mirrors', format: 'almalinux', list: 'almalinux/mirrors.json' },
  { name: 'almalinux-several', format: 'almalinux', list: 'almalinux/several.yml' },
  { name: 'debian-Mirrors', format: 'debian', list: 'debian/Mirrors.masterlist' },
  {
    name: 'debian-cdimage',
    format: 'debian',
    list: 'debian/Mirrors.masterlist',
    flags: ['--archive', 'CDImage'],
  },
  { name: 'mirmon-plain', format: 'mirmon', list: 'mirmon/plain.txt' },
  { name: 'mirmon-apache', format: 'mirmon', list: 'mirmon/apache.txt' },
  { name: 'mirrorbits-export', format: 'mirrorbits', list: 'mirrorbits/export.txt' },
  { name: 'mirrorbits-list', format: 'mirrorbits', list: 'mirrorbits/list.txt' },
  { name: 'mirrorbits-show', format: 'mirrorbits', list: 'mirrorbits/show.txt' },
  { name: 'mirrorbrain-show', format: 'mirrorbrain', list: 'mirrorbrain/show.txt' },
  { name: 'mirrorbrain-postgresql', format: 'mirrorbrain', list: 'mirrorbrain/postgresql.sql' },
  { name: 'mirrorbrain-mirmon', format: 'mirrorbrain', list: 'mirrorbrain/mirmon.txt' },
  { name: 'mirrorbrain-mirmon-apache', format: 'mirrorbrain', list: 'mirrorbrain/mirmon-apache.txt' },
  { name: 'mirrorbrain-list', format: 'mirrorbrain', list: 'mirrorbrain/list.txt' },
]

/** Returns the expected mirrors file or warnings of a case. */
export function expected(name: string, what: 'yaml' | 'warnings'): string {
  return readFileSync(join(HERE, 'expected', `${name}.${what}`), 'utf8')
}

/** Returns the content of a list. */
export function listText(list: string): string {
  return readFileSync(join(LISTS, list), 'utf8')
}

import { readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { wrkVersion } from './load.js'

const PACKAGES = ['koa', 'koa-static', 'better-sqlite3', 'chokidar', 'lru-cache', 'on-headers', 'proxy-addr']

/** Describes the machine and the versions that the numbers depend on. */
export function machine(): string {
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`
  const { node, v8, openssl, uv } = process.versions
  return [
    `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, ${memory} of memory`,
    `${type()} ${release()} ${arch()}`,
    `Node ${node}, V8 ${v8}, OpenSSL ${openssl}, libuv ${uv}`,
    PACKAGES.map((name) => `${name} ${versionOf(name)}`).join(', '),
    wrkVersion() ?? 'no wrk',
  ].join('\n')
}

function versionOf(name: string): string {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
  const { version }: { version: string } = JSON.parse(readFileSync(file, 'utf8'))
  return version
}

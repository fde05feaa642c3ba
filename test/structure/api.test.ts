import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { apiReport } from './api.js'
import { API_FILE, currentApi } from './public-api.js'

test('the public API is the one in docs/api.txt', () => {
  assert.equal(
    currentApi(),
    readFileSync(API_FILE, 'utf8'),
    'the public API differs from docs/api.txt: if that is intended, run `npm run api`, commit the file, and tell of the change in CHANGELOG.md',
  )
})

describe('a report of an API', () => {
  const report = (files: Readonly<Record<string, string>>) =>
    apiReport({ package: 'index.d.ts' }, (path) => files[path] ?? assert.fail(`there is no ${path}`))

  test('has exported names in order, by whatever way they come', () => {
    const files = {
      'index.d.ts': `
export { B as C } from './b.js';
export * from './star.js';
export type { Middleware } from 'koa';
import { D } from './b.js';
export { D };
/** Of this file. */
export declare const a: number;
`,
      'b.d.ts': `
/** With a comment. */
export interface B {
    /** More. */
    readonly one: string; // and one behind

    two(): void;
}
export declare class D { #private; }
`,
      'star.d.ts':
        'export declare function f(a: string): void;\nexport declare function f(a: number): void;\n',
    }
    assert.equal(
      report(files),
      `## package

C
    interface B {
        readonly one: string;
        two(): void;
    }

D
    class D { #private; }

Middleware
    from koa

a
    const a: number;

f
    function f(a: string): void;
    function f(a: number): void;

## named, and not exported


`,
    )
  })

  test('has what exported declarations name, through each other, and nothing else', () => {
    const files = {
      'index.d.ts': `
import type { Shape } from './shape.js';
import type { Stats } from 'node:fs';
export interface A { shape(point: number): Shape; stats: Stats; unused: string }
interface unused {}
interface point {}
`,
      'shape.d.ts':
        'export type Shape = Line | "none";\ninterface Line { length: number }\ninterface Other {}\n',
    }
    assert.equal(
      report(files).split('exported\n\n')[1],
      `Line
    interface Line { length: number }

Shape
    type Shape = Line | "none";
`,
    )
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { nameProblem } from '../../../lib/mirrors/presence/listings/file-names.js'
import { HtmlIndex } from '../../../lib/mirrors/presence/listings/html-index.js'
import type {
  IndexEntry,
  IndexPageReader,
  IndexSink,
} from '../../../lib/mirrors/presence/listings/index-page.js'
import { JsonIndex } from '../../../lib/mirrors/presence/listings/json-index.js'
import { inParts, parts } from './parts.js'

const PAGE = new URL('https://mirror.example/repo/sub/')

interface PageResult {
  readonly entries: IndexEntry[]
  readonly remarks: string[]
  readonly problem: string | undefined
}

function read(text: readonly string[], create: (sink: IndexSink) => IndexPageReader): PageResult {
  const entries: IndexEntry[] = []
  const remarks: string[] = []
  const reader = create({ entry: (entry) => entries.push(entry), remark: (remark) => remarks.push(remark) })
  for (const part of text) reader.feed(part)
  return { entries, remarks, problem: reader.end() }
}

const html = (sink: IndexSink): IndexPageReader => new HtmlIndex(PAGE, sink)
const json = (sink: IndexSink): IndexPageReader => new JsonIndex(sink)

/** Returns an entry as a line: kind, name, size with its precision, time with its precision. */
function lines({ entries }: PageResult): string[] {
  return entries.map(({ name, folder, listed }) => {
    const { size, sizePrecision, mtime, mtimePrecision } = listed
    const time =
      mtime === undefined ? '-' : `${new Date(mtime).toISOString().slice(0, 19)} (${mtimePrecision})`
    return `${folder ? 'folder' : 'file'} "${name}" ${size ?? '-'}±${sizePrecision} ${time}`
  })
}

const NGINX = `<html>
<head><title>Index of /repo/sub/</title></head>
<body>
<h1>Index of /repo/sub/</h1><hr><pre><a href="../">../</a>
<a href="d%20ir/">d ir/</a>                                              21-Nov-2026 22:35                   -
<a href="a%26b.iso">a&amp;b.iso</a>                                          03-Feb-2020 04:05          5000000000
<a href="very-long.bin">very-long-na..&gt;</a> 03-Feb-2020 04:05       12K
</pre><hr></body>
</html>
`
const APACHE_FANCY = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html>
 <head>
  <title>Index of /repo/sub</title>
 </head>
 <body>
<h1>Index of /repo/sub</h1>
<pre><img src="/icons/blank.gif" alt="Icon "> <a href="?C=N;O=D">Name</a>      <a href="?C=M;O=A">Last modified</a>      <a href="?C=S;O=A">Size</a>  <a href="?C=D;O=A">Description</a><hr><img src="/icons/back.gif" alt="[PARENTDIR]"> <a href="/repo/">Parent Directory</a>                       -   
<img src="/icons/compressed.gif" alt="[   ]"> <a href="a&amp;b.gz">a&amp;b.gz</a>      2020-02-03 04:05  972   2020-01-01 00:00 7.5M of words
<img src="/icons/unknown.gif" alt="[   ]"> <a href="./c:d">c:d</a>         2020-02-03 04:05  9.8K  GZIP compressed docume&gt;
<img src="/icons/folder.gif" alt="[DIR]"> <a href="d%20ir/">d ir/</a>       2020-02-03 04:05    -   
<hr></pre>
<address>Apache/2.4 Server at mirror.example Port 443</address>
</body></html>
`
const APACHE_OLD = `<html><head><title>Index of /repo/sub</title></head><body>
<pre><a href="?N=D">Name</a> <hr><a href="x">x</a>    3-Feb-2004 04:05  4.7G
<hr></pre></body></html>`
const APACHE_TABLE = `<html><head><title>Index of /repo/sub</title></head><body><h1>Index of /repo/sub</h1>
  <table>
   <tr><th valign="top"><img src="/icons/blank.gif" alt="[ICO]"></th><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
<tr><td valign="top"><img src="/icons/back.gif" alt="[PARENTDIR]"></td><td><a href="/repo/">Parent Directory</a>       </td><td>&nbsp;</td><td align="right">  - </td><td>&nbsp;</td></tr>
<tr><td valign="top"><img src="/icons/unknown.gif" alt="[   ]"></td><td><a href="x">x</a>   </td><td align="right">2020-02-03 04:05  </td><td align="right">1.0M</td><td>&nbsp;</td></tr>
<tr><td valign="top"><img src="/icons/folder.gif" alt="[DIR]"></td><td><a href="y/">y/</a>   </td><td align="right">2020-02-03 04:05  </td><td align="right">  - </td><td>&nbsp;</td></tr>
</table>
</body></html>`
/** With `IconsAreLinks`. */
const APACHE_ICONS = `<html><head><title>Index of /repo/sub</title></head><body>
<pre><a href="x"><img src="/icons/unknown.gif" alt="[   ]"></a> <a href="x">x</a>    2020-02-03 04:05  972
<a href="y/"><img src="/icons/folder.gif" alt="[DIR]"></a> <a href="y/">y/</a>   2020-02-03 04:05    -
<hr></pre></body></html>`
const FANCYINDEX = `<!DOCTYPE html><html><head><title>Files</title></head><body><h1>/repo/sub/</h1>
<table id="list"><thead><tr><th><a href="?C=N&amp;O=A">File Name</a></th><th><a href="?C=S&amp;O=A">File Size</a></th></tr></thead>
<tbody><tr><td class="link"><a href="../">Parent directory/</a></td><td class="size">-</td><td class="date">-</td></tr>
<tr><td class="link"><a href="y/" title="y">y/</a></td><td class="size">-</td><td class="date">2020-Feb-03 04:05</td></tr>
<tr><td class="link"><a href="x" title="x">x</a></td><td class="size">1.5 KiB</td><td class="date">2020-Feb-03 04:05</td></tr>
</tbody></table></body></html>`
const APACHE_PLAIN = `<html><head><title>Index of /repo/sub</title></head><body><h1>Index of /repo/sub</h1>
<ul><li><a href="/repo/"> Parent Directory</a></li>
<li><a href="12"> 12</a></li>
<li><a href="y/"> y/</a></li>
</ul>
</body></html>`
const LIGHTTPD = `<!DOCTYPE html>
<html><head><title>Index of /repo/sub/</title><style type="text/css">a, a:active {color: blue;}</style></head><body>
<h2>Index of /repo/sub/</h2><div class="list"><table summary="Directory Listing" cellpadding="0" cellspacing="0">
<thead><tr><th class="n">Name</th><th class="m">Last Modified</th><th class="s">Size</th><th class="t">Type</th></tr></thead>
<tbody>
<tr class="d"><td class="n"><a href="../">..</a>/</td><td class="m">&nbsp;</td><td class="s">- &nbsp;</td><td class="t">Directory</td></tr>
<tr class="d"><td class="n"><a href="y/">y</a>/</td><td class="m">2020-Feb-03 04:05:06</td><td class="s">- &nbsp;</td><td class="t">Directory</td></tr>
<tr><td class="n"><a href="%3Cx%3E">&#x3C;x&#x3E;</a></td><td class="m">2020-Feb-03 04:05:06</td><td class="s">0.1K</td><td class="t">application/octet-stream</td></tr>
</tbody></table></div>
<script type="text/javascript">
var header = "<a href=\\"#\\" class=\\"sort\\">" + name + "</a> 2020-02-03 04:05 1.2K"
</script></body></html>`
const CADDY = `<!DOCTYPE html>
<html><head><title>/repo/sub/</title></head><body><main><h1><a href="/">/</a><a href="/repo/">repo</a>/</h1>
<table><tbody>
<tr class="file"><td></td><td><a href="./y/"><svg width="1" height="1"><use xlink:href="#folder"></use></svg><span class="name">y/</span></a></td>
<td data-order="-1">&mdash;</td><td class="hideable"><time datetime=" 2020-02-03T04:05:06Z">02/03/2020 04:05:06 AM +00:00</time></td></tr>
<tr class="file"><td></td><td><a href="./a&amp;b"><span class="name">a&amp;b</span></a></td>
<td data-order="1234567">1.2 MiB</td><td class="hideable"><time datetime="2020-02-03T05:05:06+01:00">today</time></td></tr>
<tr class="file"><td></td><td><a href="./new"><span class="name">new</span></a></td>
<td class="size" data-size="7"><div class="sizebar-text">7 B</div></td><td class="timestamp"><time datetime="2020-02-03T04:05:06Z">x</time></td></tr>
</tbody></table></main></body></html>`

const GOLDEN: readonly (readonly [name: string, page: string, lines: readonly string[]])[] = [
  [
    'nginx',
    NGINX,
    [
      'folder "d ir" -±0 2026-11-21T22:35:00 (minute)',
      'file "a&b.iso" 5000000000±0 2020-02-03T04:05:00 (minute)',
      'file "very-long.bin" 12288±1024 2020-02-03T04:05:00 (minute)',
    ],
  ],
  [
    'Apache, fancy',
    APACHE_FANCY,
    [
      'file "a&b.gz" 972±0 2020-02-03T04:05:00 (minute)',
      'file "c:d" 10035±103 2020-02-03T04:05:00 (minute)',
      'folder "d ir" -±0 2020-02-03T04:05:00 (minute)',
    ],
  ],
  ['Apache, with old dates', APACHE_OLD, ['file "x" 5046586573±107374183 2004-02-03T04:05:00 (minute)']],
  [
    'Apache, as a table',
    APACHE_TABLE,
    ['file "x" 1048576±104858 2020-02-03T04:05:00 (minute)', 'folder "y" -±0 2020-02-03T04:05:00 (minute)'],
  ],
  [
    'Apache, with icons as links',
    APACHE_ICONS,
    ['file "x" 972±0 2020-02-03T04:05:00 (minute)', 'folder "y" -±0 2020-02-03T04:05:00 (minute)'],
  ],
  [
    "nginx's fancyindex",
    FANCYINDEX,
    ['folder "y" -±0 2020-02-03T04:05:00 (minute)', 'file "x" 1536±103 2020-02-03T04:05:00 (minute)'],
  ],
  ['Apache, plain', APACHE_PLAIN, ['file "12" -±0 -', 'folder "y" -±0 -']],
  [
    'lighttpd',
    LIGHTTPD,
    ['folder "y" -±0 2020-02-03T04:05:06 (second)', 'file "<x>" 102±103 2020-02-03T04:05:06 (second)'],
  ],
  [
    'Caddy',
    CADDY,
    [
      'folder "y" -±0 2020-02-03T04:05:06 (second)',
      'file "a&b" 1234567±0 2020-02-03T04:05:06 (second)',
      'file "new" 7±0 2020-02-03T04:05:06 (second)',
    ],
  ],
]

describe('an index in HTML', () => {
  for (const [name, page, expected] of GOLDEN) {
    test(`of ${name} is read`, () => {
      const result = read([page], html)
      assert.deepEqual(lines(result), expected)
      assert.deepEqual(result.remarks, [])
      assert.equal(result.problem, undefined)
    })

    test(`of ${name} is read in parts of any length`, () => {
      fc.assert(
        fc.property(parts, (lengths) =>
          assert.deepEqual(lines(read(inParts(page, lengths), html)), expected),
        ),
        { numRuns: 30 },
      )
    })

    test(`of ${name} is never read as whole when it breaks off, and then never wrongly`, () => {
      const end = page.search(/<\/body>/)
      for (let length = 0; length < end; length += 1) {
        const result = read([page.slice(0, length)], html)
        assert.notEqual(result.problem, undefined)
        assert.deepEqual(lines(result), expected.slice(0, result.entries.length))
      }
    })
  }

  test('is not any page with links', () => {
    const page =
      '<html><title>Welcome</title><body><a href="about.html">About</a> 12 of us <a href="x">x</a></body></html>'
    assert.deepEqual(read([page], html), {
      entries: [],
      remarks: [],
      problem: 'the page is no index of a folder',
    })
  })

  test('may be empty, where it says that it is one', () => {
    const page =
      '<html><head><title>Index of /repo/sub/</title></head><body><a href="../">../</a></body></html>'
    assert.deepEqual(read([page], html), { entries: [], remarks: [], problem: undefined })
  })

  test('leads nowhere but one step down', () => {
    const hrefs = [
      '../../etc/passwd',
      '..%2f..%2fetc%2fpasswd',
      '%2e%2e/',
      '/repo/sub/../other',
      '/etc/passwd',
      'https://elsewhere.example/repo/sub/x',
      '//elsewhere.example/repo/sub/x',
      'http://mirror.example/repo/sub/x',
      'https://mirror.example:444/repo/sub/x',
      'https://user@elsewhere.example/repo/sub/x',
      'https://user@mirror.example/repo/sub/x',
      'javascript:alert(1)',
      'mailto:a@b.example',
      'x?C=N;O=D',
      '?C=N;O=D',
      'x#part',
      'a/b/c',
      'a%2Fb',
      'a%00b',
      'a\tb',
      'bad%ff',
      '%ed%a0%80',
      '.',
      './',
      '',
      ' ',
      '..\\..\\x',
      'x'.repeat(9000),
    ]
    const rows = hrefs.map((href) => `<a href="${href}">x</a> 2020-02-03 04:05 1\n`).join('')
    const result = read([`<html><title>Index of /</title><pre>${rows}</pre></html>`], html)
    assert.deepEqual(result.entries, [])
    assert.equal(result.problem, undefined)
    assert.equal(result.remarks.length, 8)
  })

  test('may write a step down in any way', () => {
    const hrefs = [
      ['x', 'x'],
      [' x ', 'x'],
      ['./x', 'x'],
      ['./a:b', 'a:b'],
      ['a%3Ab', 'a:b'],
      ['/repo/sub/x', 'x'],
      ['/repo/%73ub/x', 'x'],
      ['https://mirror.example/repo/sub/x', 'x'],
      ['//mirror.example/repo/sub/x', 'x'],
      ['/repo/sub/a:b', 'a:b'],
      ['../sub/x', 'x'],
      ['ü', 'ü'],
      ['%C3%BC', 'ü'],
      ['100%25', '100%'],
      ['a%3Fb%23c', 'a?b#c'],
      ['line%0Afeed', 'line\nfeed'],
    ] as const
    for (const [href, name] of hrefs) {
      const result = read([`<html><title>Index of /</title><a href="${href}">x</a></html>`], html)
      assert.deepEqual(
        result.entries.map((entry) => entry.name),
        [name],
        href,
      )
    }
  })

  test('of anything never throws, and names nothing but steps', () => {
    const bits = fc.constantFrom(
      ...[
        '<a href="',
        '<a href=',
        '">',
        '</a>',
        '<td>',
        '</tr>',
        '<title>Index of',
        '</title>',
        '</html>',
        '<hr>',
      ],
      ...[
        '../',
        '%2e%2e',
        '%2f',
        '%',
        '&',
        '&#0;',
        '&#xd800;',
        '\\',
        '/',
        '.',
        ' ',
        '2020-02-03 04:05',
        '9e9',
        '1.2K',
      ],
    )
    const text = fc.array(fc.oneof(bits, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 50 })
    fc.assert(
      fc.property(text, parts, (some, lengths) => {
        for (const { name } of read(inParts(some.join(''), lengths), html).entries)
          assert.equal(nameProblem(name), undefined)
      }),
      { numRuns: 3000 },
    )
  })

  for (const [what, row] of Object.entries({
    'rows without an end': '<a href="x">x</a> 2020-02-03 04:05 1.2K ',
    'columns that are none': `<a href="x">x</a>${' 2020-02-03'.repeat(50)}`,
    'links to anywhere': '<a href="https://elsewhere.example/%41%41%41">x</a>',
    'absolute links in odd escapes': '<a href="/%72epo/%73ub/x">x</a>',
    spaces: ' ',
    titles: '<title>',
    cells: '<a href="x"><td data-order="1">',
  })) {
    test(`takes well under a second for 5 MB of ${what}`, () => {
      const page = row.repeat(Math.ceil(5_000_000 / row.length))
      const start = process.cpuUsage()
      read(inParts(page, [65_536]), html)
      const { user, system } = process.cpuUsage(start)
      assert.ok(user + system < 1_500_000, `${(user + system) / 1000} ms`)
    })
  }
})

const NGINX_JSON = `[
{ "name":"d ir", "type":"directory", "mtime":"Mon, 03 Feb 2020 04:05:06 GMT" },
{ "name":"<x> \\"}],[{", "type":"file", "mtime":"Mon, 03 Feb 2020 04:05:06 GMT", "size":5000000000 },
{ "name":"dangling", "type":"other", "mtime":"Mon, 03 Feb 2020 04:05:06 GMT" }
]`
const CADDY_JSON = `[{"name":"d ir/","size":4096,"url":"./d%20ir/","mod_time":"2020-02-03T04:05:06.136264359Z","mode":2147484141,"is_dir":true,"is_symlink":false}
,{"name":"a\\u0026b","size":7,"url":"./a\\u0026b","mod_time":"2020-02-03T05:05:06+01:00","mode":420,"is_dir":false,"is_symlink":false}
,{"name":"link","size":7,"url":"./link","mod_time":"2020-02-03T04:05:06Z","mode":134218239,"is_dir":false,"is_symlink":true}]`

describe('an index in JSON', () => {
  const golden: readonly (readonly [name: string, page: string, lines: readonly string[]])[] = [
    [
      'nginx',
      NGINX_JSON,
      [
        'folder "d ir" -±0 2020-02-03T04:05:06 (second)',
        'file "<x> "}],[{" 5000000000±0 2020-02-03T04:05:06 (second)',
      ],
    ],
    [
      'Caddy',
      CADDY_JSON,
      [
        'folder "d ir" 4096±0 2020-02-03T04:05:06 (second)',
        'file "a&b" 7±0 2020-02-03T04:05:06 (second)',
        'file "link" -±0 -',
      ],
    ],
  ]
  for (const [name, page, expected] of golden) {
    test(`of ${name} is read, in parts of any length`, () => {
      fc.assert(
        fc.property(parts, (lengths) => {
          const result = read(inParts(page, lengths), json)
          assert.deepEqual(lines(result), expected)
          assert.equal(result.problem, undefined)
        }),
        { numRuns: 100 },
      )
    })

    test(`of ${name} is never read as whole when it breaks off`, () => {
      for (let length = 0; length < page.length; length += 1) {
        const result = read([page.slice(0, length)], json)
        assert.notEqual(result.problem, undefined)
        assert.deepEqual(lines(result), expected.slice(0, result.entries.length))
      }
    })
  }

  test('may be empty', () => {
    assert.deepEqual(read(['[]'], json), { entries: [], remarks: [], problem: undefined })
  })

  test('is not any JSON', () => {
    for (const text of [
      '{"error":"x"}',
      '"text"',
      '12',
      '',
      'null',
      '[[{"name":"x"}]]',
      '[{"name":7}]',
      '[{"title":"x"}]',
      '[] []',
      ']',
      '}{',
      '[{"name":"x","type":"file"}]]',
      `[{"name":"${'x'.repeat(70_000)}"`,
    ])
      assert.notEqual(read([text], json).problem, undefined, text.slice(0, 40))
  })

  test('names nothing but steps', () => {
    const names = ['..', '.', '', 'a/b', '/etc', 'a\0b', '\ud800', 'x'.repeat(2000)]
    const result = read([JSON.stringify(names.map((name) => ({ name, type: 'file', size: 1 })))], json)
    assert.deepEqual(result.entries, [])
    assert.equal(result.remarks.length, names.length)
    assert.equal(result.problem, undefined)
  })

  test('takes sizes and times for what they are only', () => {
    const values = [
      { name: 'a', type: 'file', size: -1, mtime: 'yesterday' },
      { name: 'b', type: 'file', size: '7', mtime: 7 },
      { name: 'c', type: 'file', size: 1e300, mtime: 'Mon, 31 Feb 2020 04:05:06 GMT' },
      { name: 'd', is_dir: false, size: 1.5, mod_time: '2020-13-03T04:05:06Z' },
    ]
    const result = read([JSON.stringify(values)], json)
    assert.deepEqual(
      lines(result),
      ['a', 'b', 'c', 'd'].map((name) => `file "${name}" -±0 -`),
    )
  })

  test('of anything never throws', () => {
    const bits = fc.constantFrom(
      '[',
      ']',
      '{',
      '}',
      '"',
      '\\',
      ',',
      ':',
      '"name"',
      '"x"',
      '"type":"file"',
      '"../"',
      '1',
    )
    const text = fc.array(fc.oneof(bits, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 50 })
    fc.assert(
      fc.property(text, parts, (some, lengths) => {
        for (const { name } of read(inParts(some.join(''), lengths), json).entries)
          assert.equal(nameProblem(name), undefined)
      }),
      { numRuns: 3000 },
    )
  })

  for (const unit of ['[', '{', '"', '[{"a":', '{}', '[{},', 'x', '\\', '["\\']) {
    test(`takes well under a second for 5 MB of ${unit}`, () => {
      const start = process.cpuUsage()
      read(inParts(`[${unit.repeat(Math.ceil(5_000_000 / unit.length))}`, [65_536]), json)
      const { user, system } = process.cpuUsage(start)
      assert.ok(user + system < 1_000_000, `${(user + system) / 1000} ms`)
    })
  }
})
